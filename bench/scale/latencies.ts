/** How long each kind of call took. Keeps every measurement: a run makes some hundred thousand. */
import { systemClock } from '../../src/base/clock.ts'

export interface CallFigures {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export class Latencies {
  readonly #byCall = new Map<string, number[]>()

  add(call: string, ms: number): void {
    const known = this.#byCall.get(call)
    if (known === undefined) this.#byCall.set(call, [ms])
    else known.push(ms)
  }

  async time<T>(call: string, work: () => Promise<T>): Promise<T> {
    const begun = systemClock.monotonicMs()
    const result = await work()
    this.add(call, systemClock.monotonicMs() - begun)
    return result
  }

  /** For another process, which joins them with its own. */
  toJson(): Record<string, number[]> {
    return Object.fromEntries(this.#byCall)
  }

  join(others: Readonly<Record<string, readonly number[]>>): void {
    for (const [call, list] of Object.entries(others)) for (const ms of list) this.add(call, ms)
  }

  figures(): Map<string, CallFigures> {
    const entries = [...this.#byCall].sort(([a], [b]) => (a < b ? -1 : 1))
    return new Map(entries.map(([call, list]) => [call, figuresOf(list)]))
  }
}

export function figuresOf(values: readonly number[]): CallFigures {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? 0 }
}
