/**
 * How fast the ranges of a download come, each by itself and beside the others: what decides when one of them is asked
 * for a second time. Time counts only while we wait for the other side.
 */
import type { Clock } from '../base/clock.ts'

/** Nothing came for so long. */
const STALL_MS = 4000
/** A range is judged by what came in about so long. */
const WINDOW_MS = 2000
const SLOWER_THAN_OTHERS = 3
/** What is left would take so long at least; else it is not worth a second connection. */
const LEFT_MS_MIN = 2000
/** Below so many bytes in so long the range is given up. */
const HOPELESS_MS = 20_000
const HOPELESS_BYTES = 20 * 1024
/** What a second request may cost: blocks on their way when the other has won. */
const SECOND_BYTES = 512 * 1024
const SPARE_BYTES = 2 * 1024 * 1024
const SPARE_SHARE = 0.03
/** Rates of ranges that are done, for comparison. */
const DONE_RATES = 16

/** One range's progress. */
export class RateMeter {
  readonly #clock: Clock
  left: number
  readonly #begunMs: number
  #lastMs: number
  /** Of the window before, and the one that runs. */
  #windows: { fromMs: number; bytes: number }[]
  #slowFromMs: number
  #slowBytes = 0
  secondAtMs = Number.NEGATIVE_INFINITY
  total = 0

  constructor(clock: Clock, bytes: number) {
    this.#clock = clock
    this.left = bytes
    const now = clock.monotonicMs()
    this.#begunMs = now
    this.#lastMs = now
    this.#slowFromMs = now
    this.#windows = [{ fromMs: now, bytes: 0 }]
  }

  /** We wait for the other side from here on. */
  wait(): void {
    this.#lastMs = Math.max(this.#lastMs, this.#clock.monotonicMs())
  }

  /** No bytes: it is us who hold them up. */
  receive(bytes: number): void {
    const now = this.#clock.monotonicMs()
    this.#lastMs = now
    if (bytes === 0) this.#slowFromMs = now
    this.total += bytes
    this.#slowBytes += bytes
    if (this.#slowBytes >= HOPELESS_BYTES) {
      this.#slowBytes = 0
      this.#slowFromMs = now
    }
    const last = this.#windows.at(-1) as { fromMs: number; bytes: number }
    if (now - last.fromMs < WINDOW_MS / 2) last.bytes += bytes
    else this.#windows = [last, { fromMs: now, bytes }]
  }

  get ageMs(): number {
    return this.#clock.monotonicMs() - this.#begunMs
  }

  get stalledMs(): number {
    return this.#clock.monotonicMs() - this.#lastMs
  }

  get recentBytes(): number {
    return this.#windows.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Bytes a millisecond in the last windows. */
  get rate(): number {
    const from = this.#windows[0]?.fromMs ?? this.#begunMs
    return this.recentBytes / Math.max(this.#clock.monotonicMs() - from, 1)
  }

  get isHopeless(): boolean {
    return this.#clock.monotonicMs() - this.#slowFromMs > HOPELESS_MS
  }
}

export class RangeRates {
  readonly #clock: Clock
  readonly #active = new Set<RateMeter>()
  readonly #done: number[] = []
  #received = 0
  #seconds = 0
  /** Whether ranges wait that nobody fetches yet: then a slow one holds up nobody. */
  hasWaiting: () => boolean = () => false
  /** Is told of bytes that were delivered. */
  onBytes: (bytes: number) => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How often a range was asked for a second time. */
  get seconds(): number {
    return this.#seconds
  }

  add(meter: RateMeter): void {
    this.#active.add(meter)
  }

  remove(meter: RateMeter): void {
    this.#active.delete(meter)
    if (meter.left > 0) return
    this.#done.push(meter.total / Math.max(meter.ageMs, 1))
    if (this.#done.length > DONE_RATES) this.#done.shift()
  }

  count(meter: RateMeter, bytes: number): void {
    meter.left -= bytes
    this.#received += bytes
    this.onBytes(bytes)
  }

  /** What to do about a range that is waited for. */
  judge(meter: RateMeter): 'wait' | 'second' | 'hopeless' {
    if (meter.isHopeless) return 'hopeless'
    if (!(meter.stalledMs >= STALL_MS || this.#isLaggard(meter))) return 'wait'
    const now = this.#clock.monotonicMs()
    const maySpend = (this.#seconds + 1) * SECOND_BYTES <= SPARE_BYTES + this.#received * SPARE_SHARE
    if (!maySpend || now - meter.secondAtMs < STALL_MS) return 'wait'
    meter.secondAtMs = now
    this.#seconds++
    return 'second'
  }

  #isLaggard(meter: RateMeter): boolean {
    if (this.hasWaiting() || meter.ageMs < WINDOW_MS) return false
    const others = [...this.#done, ...[...this.#active].filter((one) => one !== meter).map(({ rate }) => rate)]
    if (others.length === 0) return false
    const usual = others.sort((a, b) => a - b)[others.length >> 1] as number
    return meter.rate * SLOWER_THAN_OTHERS < usual && meter.left > meter.rate * LEFT_MS_MIN
  }
}
