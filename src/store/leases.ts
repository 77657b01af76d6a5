/**
 * How long what nobody refers to is kept, and what is in use right now. Leases are rows of the catalog; pins are this
 * process's own: whoever writes something holds its names from before the first look until its leases and references
 * are durable, so that no sweep comes between.
 */
export const DAY_SECONDS = 86_400
/** Clients reuse what they were told for 21 days without asking. */
export const ANNOUNCED_SECONDS = 22 * DAY_SECONDS
/** A lease is lengthened at most this often, and by so much more: else every read would be a commit. */
export const ANNOUNCE_AGAIN_SECONDS = DAY_SECONDS
/** An upload is under way for so long after its last sign of life. */
export const SESSION_SECONDS = DAY_SECONDS
/** What was swept stays in the trash for so long. */
export const TRASH_SECONDS = 7 * DAY_SECONDS

export class Pins {
  readonly #counts = new Map<string, number>()

  has(name: string): boolean {
    return this.#counts.has(name)
  }

  /** Holds names until `release`; a name may be held by several. */
  hold(...names: readonly string[]): Hold {
    return new Hold(this.#counts, names)
  }
}

export class Hold {
  readonly #counts: Map<string, number>
  readonly #names = new Set<string>()

  constructor(counts: Map<string, number>, names: readonly string[]) {
    this.#counts = counts
    for (const name of names) this.add(name)
  }

  add(name: string): void {
    if (this.#names.has(name)) return
    this.#names.add(name)
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  release(): void {
    for (const name of this.#names) {
      const left = (this.#counts.get(name) ?? 0) - 1
      if (left > 0) this.#counts.set(name, left)
      else this.#counts.delete(name)
    }
    this.#names.clear()
  }
}
