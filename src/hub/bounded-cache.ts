/** Values that never change, the least recently used thrown away when their weights pass a limit. */
export class BoundedCache<T> {
  readonly #weightMax: number
  readonly #entries = new Map<string, { readonly value: Promise<T>; weight: number }>()
  #weight = 0

  constructor(weightMax: number) {
    this.#weightMax = weightMax
  }

  /** The value of `key`, made once however many ask at the same time; a failed making is forgotten. */
  async get(key: string, make: () => Promise<T>, weigh: (value: T) => number): Promise<T> {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known.value
    }
    const entry = { value: make(), weight: 0 }
    this.#entries.set(key, entry)
    try {
      const value = await entry.value
      entry.weight = weigh(value) + 1
      if (this.#entries.get(key) === entry) this.#weight += entry.weight
      this.#shrink()
      return value
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
      throw error
    }
  }

  /** Entries still being made weigh nothing and stay. */
  #shrink(): void {
    for (const [key, { weight }] of this.#entries) {
      if (this.#weight <= this.#weightMax) return
      if (weight === 0) continue
      this.#entries.delete(key)
      this.#weight -= weight
    }
  }
}
