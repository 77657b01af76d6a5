/**
 * How many ranges are fetched at once, over all files: it begins with few, adds half as many as long as that makes the
 * whole faster, and takes back what brings nothing; from then on it adds one at a time. A server that asks for patience
 * halves them. Never more than a budget of memory allows, since each range holds some.
 */
import { type Clock, systemClock } from '../base/clock.ts'
import { Semaphore } from '../base/semaphore.ts'
import { RangeRates } from './range-rates.ts'

/** What a range holds at most: blocks of its connection, a record, what waits to be written. */
export const STREAM_BYTES = 1.5 * 1024 * 1024
const MEMORY_BYTES = 16 * 1024 * 1024
/** Of what a range collects before it is written. */
export const WAITING_BYTES = 512 * 1024
const STREAMS_FIRST = 2
const WINDOW_MS = 1000
/** What is added must bring at least this part of its share, or it is not worth its memory. */
const GAIN_SHARE = 0.5
/** Windows without another try after one that brought nothing. */
const HOLD_WINDOWS = 8

export interface StreamPoolOptions {
  /** The most at once; what the memory allows when left out. */
  readonly connections?: number | undefined
  /** For what all ranges hold together. */
  readonly memoryBytes?: number | undefined
  readonly clock?: Clock
}

export class StreamPool {
  readonly max: number
  readonly rates: RangeRates
  readonly #clock: Clock
  readonly #streams: Semaphore
  #windowMs: number
  #windowBytes = 0
  /** Streams, and bytes a millisecond, before some were added; null when none are on trial. */
  #before: { readonly size: number; readonly rate: number } | null = null
  #mayLeap = true
  #hold = 0
  /** Memory of ranges that are done, for the next ones. */
  readonly #spare: Buffer[] = []

  constructor({ connections, memoryBytes = MEMORY_BYTES, clock = systemClock }: StreamPoolOptions = {}) {
    const affordable = Math.max(1, Math.floor(memoryBytes / STREAM_BYTES))
    this.max = Math.min(connections ?? affordable, affordable)
    this.#clock = clock
    this.#streams = new Semaphore(Math.min(STREAMS_FIRST, this.max))
    this.#windowMs = clock.monotonicMs()
    this.rates = new RangeRates(clock)
    this.rates.hasWaiting = () => this.#streams.waiting > 0
    this.rates.onBytes = (bytes) => this.#count(bytes)
  }

  /** At once, at the moment. */
  get size(): number {
    return this.#streams.total
  }

  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#streams.run(task, 1, signal)
  }

  /** As `run`, with memory to collect what is written. */
  runWith<T>(task: (waiting: Buffer) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.run(async () => {
      const waiting = this.#spare.pop() ?? Buffer.allocUnsafeSlow(WAITING_BYTES)
      try {
        return await task(waiting)
      } finally {
        this.#spare.push(waiting)
      }
    }, signal)
  }

  /** The server has asked for patience. */
  backOff(): void {
    this.#before = null
    this.#hold = 2 * HOLD_WINDOWS
    this.#streams.resize(Math.max(1, this.size >> 1))
  }

  #count(bytes: number): void {
    this.#windowBytes += bytes
    const now = this.#clock.monotonicMs()
    const elapsed = now - this.#windowMs
    if (elapsed < WINDOW_MS) return
    const rate = this.#windowBytes / elapsed
    this.#windowMs = now
    this.#windowBytes = 0
    // Whether more would help shows only while all are in use.
    if (this.#streams.waiting > 0) this.#adapt(rate)
  }

  #adapt(rate: number): void {
    const { size } = this
    if (this.#before !== null && rate < this.#before.rate * (1 + GAIN_SHARE * (size / this.#before.size - 1))) {
      this.#streams.resize(this.#before.size)
      this.#before = null
      this.#mayLeap = false
      this.#hold = HOLD_WINDOWS
    } else if (this.#hold > 0) this.#hold--
    else if (size < this.max) {
      this.#before = { size, rate }
      this.#streams.resize(Math.min(size + (this.#mayLeap ? Math.max(1, size >> 1) : 1), this.max))
    }
  }
}
