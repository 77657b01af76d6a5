/** Cuts long work on the main thread into slices, so that other requests are answered in between. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'

const SLICE_MS = 10

export class Pacer {
  /** When it aborts, nobody wants the work any more: the next pause throws its reason. */
  readonly signal: AbortSignal | undefined
  readonly #clock: Clock
  #sliceStart: number

  constructor(clock: Clock, signal?: AbortSignal) {
    this.signal = signal
    this.#clock = clock
    this.#sliceStart = clock.monotonicMs()
  }

  /** Whether the slice is used up. Cheap: ask every few microseconds of work, and `pause` only when true. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() - this.#sliceStart >= SLICE_MS
  }

  async pause(): Promise<void> {
    await nextTurn()
    this.signal?.throwIfAborted()
    this.#sliceStart = this.#clock.monotonicMs()
  }
}
