/** Time as a value that tests can set. */
export interface Clock {
  /** Milliseconds of the wall clock since 1970; may jump. */
  nowMs(): number
  /** Whole seconds of the wall clock since 1970; may jump. */
  nowSeconds(): number
  /** Milliseconds since any fixed moment, never going back: for durations. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowSeconds: () => Math.floor(Date.now() / 1000),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },
}

/** A clock that stands still until a test moves it. Sleepers wake when it passes them. */
export class ManualClock implements Clock {
  #ms: number
  readonly #sleepers: { readonly until: number; readonly wake: () => void }[] = []

  constructor(nowSeconds = 1_700_000_000) {
    this.#ms = nowSeconds * 1000
  }

  nowMs(): number {
    return this.#ms
  }

  nowSeconds(): number {
    return Math.floor(this.#ms / 1000)
  }

  monotonicMs(): number {
    return this.#ms
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ until: this.#ms + ms, wake }))
  }

  advance(seconds: number): void {
    this.#ms += seconds * 1000
    for (const sleeper of this.#sleepers.filter(({ until }) => until <= this.#ms)) {
      this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1)
      sleeper.wake()
    }
  }
}
