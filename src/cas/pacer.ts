/** Cuts long work on the main thread into slices, so that other requests are answered in between. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'

const SLICE_MS = 10

export class Pacer {
  readonly #clock: Clock
  #sliceStart: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sliceStart = clock.monotonicMs()
  }

  /** Whether the slice is used up. Cheap: ask every few microseconds of work, and `pause` only when true. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() - this.#sliceStart >= SLICE_MS
  }

  async pause(): Promise<void> {
    await nextTurn()
    this.#sliceStart = this.#clock.monotonicMs()
  }
}
