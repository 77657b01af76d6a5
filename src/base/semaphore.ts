/**
 * A budget of units (bytes, requests, passes) shared by many tasks. Waiters are served in order; a wish above the whole
 * budget is cut to it, so that one big task runs alone instead of never.
 */
export class Semaphore {
  #total: number
  #free: number
  readonly #waiting: { units: number; grant: () => void }[] = []

  constructor(total: number) {
    this.#total = total
    this.#free = total
  }

  get total(): number {
    return this.#total
  }

  /** A smaller budget counts as tasks give back what they hold. */
  resize(total: number): void {
    this.#free += total - this.#total
    this.#total = total
    this.#grantNext()
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves when `units` are reserved; call the result exactly once to give them back. */
  async acquire(units = 1, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    const wanted = Math.min(units, this.#total)
    if (this.#waiting.length > 0 || wanted > this.#free) await this.#wait(wanted, signal)
    else this.#free -= wanted
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#free += wanted
      this.#grantNext()
    }
  }

  async run<T>(task: () => Promise<T>, units = 1, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(units, signal)
    try {
      return await task()
    } finally {
      release()
    }
  }

  #wait(units: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(signal?.reason)
        this.#grantNext()
      }
      const waiter = {
        units,
        grant: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      this.#waiting.push(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  #grantNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.units <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.units
      next.grant()
    }
  }
}
