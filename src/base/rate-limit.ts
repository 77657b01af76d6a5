/** So many bytes a second for all who share it: whoever has taken bytes waits until they may have come. */
import type { Clock } from './clock.ts'

/** What may come at once after a pause. */
const BURST_MS = 250
/** A longer wait is taken in steps, so that whoever watches sees it as one of ours. */
const STEP_MS = 200

export class RateLimit {
  readonly #bytesPerMs: number
  readonly #clock: Clock
  /** When all that was taken so far may have come. */
  #paidUntilMs = 0

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#clock = clock
  }

  /** `onStep` is called while it waits. */
  async take(bytes: number, signal?: AbortSignal, onStep: () => void = () => undefined): Promise<void> {
    const now = this.#clock.monotonicMs()
    const until = Math.max(this.#paidUntilMs, now - BURST_MS) + bytes / this.#bytesPerMs
    this.#paidUntilMs = until
    for (let left = until - now; left > 0; left = until - this.#clock.monotonicMs()) {
      onStep()
      await this.#clock.sleep(Math.min(left, STEP_MS), signal)
    }
  }
}
