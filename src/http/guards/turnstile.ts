/**
 * Lets requests in one after the other: as many in one turn of the event loop as begin within some milliseconds, and so
 * many at a time that what they all do in one turn stays short. Without it a crowd (after a pause of the process, at a
 * start, or just always) is served in turns that last as long as all of it, and nothing else happens meanwhile.
 *
 * A question (no body) is inside until its answer begins, its connection closes, or it takes long: who uploads is not
 * counted, and who waits for a slow job keeps nobody out.
 */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { INSIDE_MAX, INSIDE_MS } from '../limits.ts'

const SLICE_MS = 5
const QUESTIONS = new Set<string | undefined>(['GET', 'HEAD'])
/** How often it is looked at who is inside, while others wait. */
const LOOK_MS = 25

export class Turnstile {
  readonly #clock: Clock
  readonly #waiting: { answer: ServerResponse; enter: () => void }[] = []
  /** When each came in. */
  readonly #inside = new Map<ServerResponse, number>()
  /** When the first request of this turn began; null before. */
  #turnBegan: number | null = null
  #look: NodeJS.Timeout | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when it is the caller's turn. */
  pass(answer: ServerResponse): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#inside.size < INSIDE_MAX && !this.#isSpent()) {
      this.#enter(answer)
      return undefined
    }
    this.#look ??= setInterval(() => this.#lookInside(), LOOK_MS)
    return new Promise((enter) => this.#waiting.push({ answer, enter }))
  }

  leave(answer: ServerResponse): void {
    if (this.#inside.delete(answer) && this.#waiting.length > 0) process.nextTick(() => this.#letIn())
  }

  #isSpent(): boolean {
    const now = this.#clock.monotonicMs()
    if (this.#turnBegan === null) {
      this.#turnBegan = now
      setImmediate(() => this.#nextTurn())
    }
    return now - this.#turnBegan >= SLICE_MS
  }

  #nextTurn(): void {
    this.#turnBegan = null
    this.#letIn()
  }

  /** One, then what it does at once, then the next: the clock sees what each took. */
  #letIn(): void {
    if (this.#waiting.length === 0 || this.#inside.size >= INSIDE_MAX || this.#isSpent()) return
    const { answer, enter } = this.#waiting.shift() as { answer: ServerResponse; enter: () => void }
    this.#enter(answer)
    enter()
    if (this.#waiting.length > 0) process.nextTick(() => this.#letIn())
    else this.#stopLooking()
  }

  #enter(answer: ServerResponse): void {
    if (!answer.closed && QUESTIONS.has(answer.req.method)) this.#inside.set(answer, this.#clock.monotonicMs())
  }

  #lookInside(): void {
    const now = this.#clock.monotonicMs()
    for (const [answer, since] of this.#inside) {
      if (answer.headersSent || answer.closed || now - since >= INSIDE_MS) this.#inside.delete(answer)
    }
    this.#letIn()
  }

  #stopLooking(): void {
    if (this.#look !== null) clearInterval(this.#look)
    this.#look = null
  }
}
