/**
 * Ends what makes no progress. One timer a request, however many bytes pass: it wakes when the deadline could have been
 * missed and looks. Time counts only while we wait for the other side, so a slow disk of ours blames nobody.
 */
import { AppError } from './app-error.ts'
import { type Clock, systemClock } from './clock.ts'
import { cancelled } from './retry.ts'

export interface DeadlineOptions {
  /** What is waited for, as the message names it. */
  readonly what: string
  /** Without a byte for so long: kind `timeout`. */
  readonly idleMs: number
  /** From start to end; no limit when left out. */
  readonly totalMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

/** A reason of our own, because making a DOMException for each request costs more than the timer. */
const CLOSED = new Error('closed')

export class Deadline {
  readonly #controller = new AbortController()
  readonly #done = new AbortController()
  readonly #options: DeadlineOptions
  readonly #clock: Clock
  readonly #endsAt: number
  /** Moment of the last progress while waiting; null while nobody waits for the other side. */
  #since: number | null

  constructor(options: DeadlineOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#since = this.#clock.monotonicMs()
    this.#endsAt = options.totalMs === undefined ? Number.POSITIVE_INFINITY : this.#since + options.totalMs
    options.signal?.addEventListener('abort', this.#onAbort, { once: true, signal: this.#done.signal })
    if (options.signal?.aborted) this.#onAbort()
    void this.#watch()
  }

  /** Aborted, with an AppError as reason, by the deadline or by the caller's own signal. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Progress, or the start of a wait. */
  touch(): void {
    this.#since = this.#clock.monotonicMs()
  }

  /** Nobody waits until the next `touch`. */
  pause(): void {
    this.#since = null
  }

  close(): void {
    this.#done.abort(CLOSED)
  }

  readonly #onAbort = () => this.#controller.abort(cancelled(this.#options.signal?.reason))

  async #watch(): Promise<void> {
    const { idleMs, what } = this.#options
    while (!this.#done.signal.aborted && !this.#controller.signal.aborted) {
      const now = this.#clock.monotonicMs()
      const idleLeft = this.#since === null ? idleMs : this.#since + idleMs - now
      const left = Math.min(idleLeft, this.#endsAt - now)
      if (left <= 0) {
        const message = idleLeft <= 0 ? `${what}: no byte for ${idleMs / 1000} s` : `${what}: took too long`
        this.#controller.abort(new AppError('timeout', idleLeft <= 0 ? 'NO_PROGRESS' : 'TOOK_TOO_LONG', message))
        return
      }
      try {
        await this.#clock.sleep(left, this.#done.signal)
      } catch {
        return // Closed while asleep.
      }
    }
  }
}
