/**
 * Whether the disk still answers. What makes bytes durable runs through here; while one such task has stood still for
 * long, no further one is let in: they would only wait too, and hold memory and threads that reads need.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'

/** Longer than a busy disk takes, shorter than clients wait. */
const STALLED_MS = 5_000

export class StallWatch {
  readonly #clock: Clock
  /** In the order in which they began. */
  readonly #running = new Set<{ readonly sinceMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Kind `busy` while an earlier task stands still. */
  check(): void {
    const [oldest] = this.#running
    if (oldest === undefined || this.#clock.monotonicMs() - oldest.sinceMs < STALLED_MS) return
    throw new AppError('busy', 'STORE_STALLED', 'The disk has not answered for seconds: try again soon')
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    const entry = { sinceMs: this.#clock.monotonicMs() }
    this.#running.add(entry)
    try {
      return await task()
    } finally {
      this.#running.delete(entry)
    }
  }
}
