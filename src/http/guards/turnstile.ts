/**
 * Lets requests in one after the other, as many in one turn of the event loop as begin within some milliseconds; further
 * ones begin in the next turn, in order. Without it a crowd that was waiting (after a pause of the process, or at a start)
 * is served in one turn that lasts as long as all of it, and nothing else happens meanwhile.
 */
import type { Clock } from '../../base/clock.ts'

const SLICE_MS = 10

export class Turnstile {
  readonly #clock: Clock
  readonly #waiting: (() => void)[] = []
  /** When the first request of this turn began; null before. */
  #turnBegan: number | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when it is the caller's turn. */
  pass(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && !this.#isSpent()) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
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
    if (this.#waiting.length === 0 || this.#isSpent()) return
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) process.nextTick(() => this.#letIn())
  }
}
