/**
 * Events that one side puts and another takes, in order. Leaving the loop wakes whoever waits, at once, and tells the
 * other side; nothing waits for the event after next.
 */
export class EventStream<T> implements AsyncIterableIterator<T> {
  readonly #events: T[] = []
  readonly #waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void }[] = []
  readonly #onLeave: () => void
  #end: { readonly error: unknown } | 'ended' | null = null

  /** `onLeave` is called when the reader stops before the end. */
  constructor(onLeave: () => void) {
    this.#onLeave = onLeave
  }

  get isOver(): boolean {
    return this.#end !== null
  }

  put(event: T): void {
    if (this.#end !== null) return
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#events.push(event)
    else waiting.resolve({ done: false, value: event })
  }

  end(): void {
    this.#close('ended')
  }

  /** What was put before is still taken. */
  fail(error: unknown): void {
    this.#close({ error })
  }

  next(): Promise<IteratorResult<T>> {
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    const end = this.#end
    if (end === null) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    if (end === 'ended') return Promise.resolve({ done: true, value: undefined })
    // An error is thrown once; whoever asks again hears that it is over.
    this.#end = 'ended'
    return Promise.reject(end.error)
  }

  return(): Promise<IteratorResult<T>> {
    this.#events.length = 0
    if (this.#end === null) {
      this.#close('ended')
      this.#onLeave()
    }
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #close(end: { readonly error: unknown } | 'ended'): void {
    if (this.#end !== null) return
    const waiting = this.#waiting.splice(0)
    const first = end === 'ended' ? undefined : waiting.shift()
    this.#end = end === 'ended' || first !== undefined ? 'ended' : end
    if (end !== 'ended') first?.reject(end.error)
    for (const { resolve } of waiting) resolve({ done: true, value: undefined })
  }
}
