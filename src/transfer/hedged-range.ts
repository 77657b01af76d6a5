/**
 * One stored range as a stream that does not hang on one connection: where it stands still, or is the slowest one left
 * and clearly slower than the others, the rest is asked for a second time over a new connection. Whichever delivers
 * first goes on, the other is dropped. How much may be fetched twice is bounded for all ranges together.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import { type RangeRates, RateMeter } from './range-rates.ts'

/** How often a range that waits is looked at. */
const LOOK_MS = 250

export interface RangeLane {
  readonly start: number
  readonly signal: AbortSignal
  /** Not over a connection that was used before. */
  readonly fresh: boolean
  /** Bytes as they come from the network. */
  readonly onBytes: (bytes: number) => void
}

export interface HedgedRangeOptions {
  readonly open: (lane: RangeLane) => AsyncIterable<Uint8Array>
  readonly start: number
  readonly end: number
  /** After a failure. */
  readonly fresh: boolean
  readonly rates: RangeRates
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** A piece is valid until the next one is asked for. */
export async function* readHedged(options: HedgedRangeOptions): AsyncGenerator<Uint8Array> {
  const race = new Race(options)
  try {
    for (let piece = await race.next(); piece !== null; piece = await race.next()) yield piece
  } finally {
    await race.close()
  }
}

type Outcome = { readonly piece: IteratorResult<Uint8Array> } | { readonly failure: unknown } | { readonly looks: true }

class Race {
  readonly #options: HedgedRangeOptions
  readonly #meter: RateMeter
  readonly #awake = new AbortController()
  #at: number
  #main: Lane
  #second: Lane | null = null
  #look: Promise<Outcome> | null = null

  constructor(options: HedgedRangeOptions) {
    const { clock, rates, start, end, fresh } = options
    this.#options = options
    this.#at = start
    this.#meter = new RateMeter(clock, end - start)
    rates.add(this.#meter)
    this.#main = this.#open(fresh)
  }

  async next(): Promise<Uint8Array | null> {
    this.#meter.wait()
    for (;;) {
      const lanes = this.#second === null ? [this.#main] : [this.#main, this.#second]
      const outcome = await Promise.race([...lanes.map((lane) => lane.next()), this.#nextLook()])
      if ('looks' in outcome) {
        this.#look = null
        if (this.#second === null) this.#judge()
        continue
      }
      const from = lanes.find((lane) => lane.outcome === outcome) as Lane
      if ('failure' in outcome) this.#lose(from, outcome.failure)
      else {
        this.#win(from)
        if (outcome.piece.done === true) return null
        this.#at += outcome.piece.value.length
        this.#options.rates.count(this.#meter, outcome.piece.value.length)
        return outcome.piece.value
      }
    }
  }

  async close(): Promise<void> {
    this.#awake.abort()
    this.#options.rates.remove(this.#meter)
    await Promise.all([this.#main.close(), this.#second?.close()])
  }

  #open(fresh: boolean): Lane {
    const { open, signal } = this.#options
    return new Lane(signal, (own) => {
      const onBytes = (bytes: number) => this.#meter.receive(bytes)
      return open({ start: this.#at, signal: own, fresh, onBytes })
    })
  }

  #judge(): void {
    const { rates } = this.#options
    const verdict = rates.judge(this.#meter)
    if (verdict === 'hopeless') {
      const message = `The bytes of a xorb come too slowly: ${this.#meter.recentBytes} in the last seconds`
      throw new AppError('timeout', 'NO_PROGRESS', message)
    }
    if (verdict === 'second') this.#second = this.#open(true)
  }

  /** Only the failure of the last lane is one. */
  #lose(lane: Lane, failure: unknown): void {
    if (this.#second === null) throw failure
    if (lane === this.#main) this.#main = this.#second
    this.#second = null
    lane.drop()
  }

  #win(lane: Lane): void {
    lane.outcome = null
    if (this.#second === null) return
    const loser = lane === this.#main ? this.#second : this.#main
    this.#main = lane
    this.#second = null
    loser.drop()
  }

  #nextLook(): Promise<Outcome> {
    const looked = (): Outcome => ({ looks: true })
    // Ended by `close`, when nobody waits for it any more.
    this.#look ??= this.#options.clock.sleep(LOOK_MS, this.#awake.signal).then(looked, looked)
    return this.#look
  }
}

/** One connection's attempt. */
class Lane {
  /** What `next` came to, until it is taken. */
  outcome: Outcome | null = null
  readonly #stop = new AbortController()
  readonly #outer: AbortSignal
  readonly #pieces: AsyncIterator<Uint8Array>
  #next: Promise<Outcome> | null = null

  constructor(outer: AbortSignal, open: (signal: AbortSignal) => AsyncIterable<Uint8Array>) {
    this.#outer = outer
    outer.addEventListener('abort', this.#onAbort, { once: true })
    if (outer.aborted) this.#onAbort()
    this.#pieces = open(this.#stop.signal)[Symbol.asyncIterator]()
  }

  next(): Promise<Outcome> {
    this.#next ??= this.#ask()
    return this.#next
  }

  /** Without waiting for its end. */
  drop(): void {
    void this.close()
  }

  async close(): Promise<void> {
    this.#outer.removeEventListener('abort', this.#onAbort)
    // An unfinished read ends by its signal; a generator that runs cannot be told to return.
    if (this.#next !== null && this.outcome === null) this.#stop.abort(DROPPED)
    await this.#next
    await this.#pieces.return?.()
  }

  readonly #onAbort = () => this.#stop.abort(this.#outer.reason)

  async #ask(): Promise<Outcome> {
    try {
      this.outcome = { piece: await this.#pieces.next() }
    } catch (failure) {
      this.outcome = { failure }
    }
    this.#next = null
    return this.outcome
  }
}

const DROPPED = new AppError('cancelled', 'CANCELLED', 'Another connection was faster')
