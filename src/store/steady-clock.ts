/**
 * Whether the wall clock can be trusted with the end of leases. It is held against the monotonic clock of this process:
 * one that jumped forward would end every lease at once, so after a jump nothing is swept until it was steady for a day.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import { DAY_SECONDS } from './leases.ts'

/** Leases outlast what clients remember by a day; a machine that slept over night has jumped too. */
const JUMP_SECONDS_MAX = DAY_SECONDS

export class SteadyClock {
  readonly #clock: Clock
  #wallSeconds: number
  #monotonicMs: number
  #jumpedMs: number | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#wallSeconds = clock.nowSeconds()
    this.#monotonicMs = clock.monotonicMs()
  }

  /** Throws CLOCK_JUMPED unless the time may be believed. */
  check(): void {
    const wallSeconds = this.#clock.nowSeconds()
    const monotonicMs = this.#clock.monotonicMs()
    const jump = wallSeconds - this.#wallSeconds - (monotonicMs - this.#monotonicMs) / 1000
    this.#wallSeconds = wallSeconds
    this.#monotonicMs = monotonicMs
    if (Math.abs(jump) > JUMP_SECONDS_MAX) this.#jumpedMs = monotonicMs
    if (this.#jumpedMs === null) return
    if (monotonicMs - this.#jumpedMs >= DAY_SECONDS * 1000) {
      this.#jumpedMs = null
      return
    }
    const message =
      'The clock of this machine jumped by more than a day: nothing is swept until it was steady for a day. ' +
      'If it is right, restart the server'
    throw new AppError('busy', 'CLOCK_JUMPED', message, { data: { seconds: Math.round(jump) } })
  }
}
