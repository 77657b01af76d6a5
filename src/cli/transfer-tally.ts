/**
 * What a transfer has done so far, out of its events: whole, by file, by source, and how fast in the last seconds. What
 * was in the cache is done, but no part of the speed. The whole never goes back: a file that has to be fetched again
 * stands still until it is where it was.
 */

/** The shape of a transfer's own events. */
export type ProgressEvent =
  | {
      readonly event: 'plan'
      readonly files: number
      readonly bytes: number
      readonly sizes?: ReadonlyMap<string, number> | undefined
    }
  | { readonly event: 'bytes'; readonly path: string; readonly bytes: number }
  | { readonly event: 'sent'; readonly bytes: number }
  | {
      readonly event: 'file'
      readonly file: { readonly path: string; readonly source?: string; readonly bytes?: number }
    }

export interface FileTally {
  readonly path: string
  readonly done: number
  /** Null when the plan did not say. */
  readonly size: number | null
}

/** Speed is that of so long. */
const WINDOW_MS = 10_000
/** A shorter time says nothing about what is left. */
const SPEED_KNOWN_MS = 2000

export class TransferTally {
  files = 0
  filesDone = 0
  total = 0
  sent = 0
  fromCache = 0
  #moved = 0
  #furthest = 0
  #sizes: ReadonlyMap<string, number> = new Map()
  readonly #atWork = new Map<string, number>()
  readonly #samples: { readonly ms: number; readonly bytes: number }[]

  constructor(nowMs: number) {
    this.#samples = [{ ms: nowMs, bytes: 0 }]
  }

  /** Bytes of finished and half-finished files. */
  get done(): number {
    return this.#furthest
  }

  get bytesPerSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || last.ms <= first.ms) return 0
    return Math.max(0, ((last.bytes - first.bytes) / (last.ms - first.ms)) * 1000)
  }

  /** NaN before there is enough to tell by. */
  get secondsLeft(): number {
    if (this.total <= this.done) return 0
    const spanMs = (this.#samples.at(-1)?.ms ?? 0) - (this.#samples[0]?.ms ?? 0)
    return spanMs < SPEED_KNOWN_MS ? Number.NaN : (this.total - this.done) / this.bytesPerSecond
  }

  /** Begun and not finished, the first begun first. */
  get atWork(): FileTally[] {
    return [...this.#atWork].map(([path, done]) => ({ path, done, size: this.#sizes.get(path) ?? null }))
  }

  add(event: ProgressEvent): void {
    if (event.event === 'plan') {
      this.files = event.files
      this.total = event.bytes
      this.#sizes = event.sizes ?? new Map()
    } else if (event.event === 'sent') this.sent += event.bytes
    else if (event.event === 'bytes') {
      this.#moved += event.bytes
      this.#atWork.set(event.path, (this.#atWork.get(event.path) ?? 0) + event.bytes)
    } else {
      const { path, source, bytes = 0 } = event.file
      this.filesDone++
      if (source === 'cache') {
        this.fromCache += bytes
        if (this.#atWork.has(path)) this.#moved -= bytes
      }
      this.#atWork.delete(path)
    }
    this.#furthest = Math.max(this.#furthest, this.#moved + this.fromCache)
  }

  /** Remembers where it stands now, for the speed. */
  sample(nowMs: number): void {
    this.#samples.push({ ms: nowMs, bytes: this.#moved })
    while ((this.#samples[1]?.ms ?? nowMs) <= nowMs - WINDOW_MS) this.#samples.shift()
  }
}
