/** The catalog in memory: for tests, and the plain truth that the other drivers are compared with. */
import { type Batch, type Catalog, type CatalogRecord, PATH_STEPS_MAX } from './catalog.ts'

export class MemoryCatalog implements Catalog {
  readonly #records = new Map<string, Map<string, Uint8Array>>()
  readonly #holders = new Map<string, Set<string>>()
  readonly #leases = new Map<string, number>()
  readonly #index = new Map<string, Set<string>>()

  async write({ records = [], references = [], leases = [], index = [] }: Batch): Promise<void> {
    for (const { kind, key, value } of records) mapAt(this.#records, kind).set(key, value.slice())
    for (const { from, to } of references) setAt(this.#holders, to).add(from)
    for (const { holder, target, untilSeconds } of leases) {
      const pair = pairOf(holder, target)
      this.#leases.set(pair, Math.max(this.#leases.get(pair) ?? 0, untilSeconds))
    }
    for (const { kind, key, value } of index) setAt(this.#index, pairOf(kind, key)).add(value)
  }

  async findRecord(kind: string, key: string): Promise<Uint8Array | null> {
    return this.#records.get(kind)?.get(key)?.slice() ?? null
  }

  async *listRecords(kind: string): AsyncIterable<CatalogRecord> {
    for (const [key, value] of [...(this.#records.get(kind) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      yield { kind, key, value: value.slice() }
    }
  }

  async findIndex(kind: string, key: string, limit: number): Promise<string[]> {
    return [...(this.#index.get(pairOf(kind, key)) ?? [])].sort().slice(0, limit)
  }

  async findHolders(target: string, limit: number): Promise<string[]> {
    return [...(this.#holders.get(target) ?? [])].sort().slice(0, limit)
  }

  async hasPath(fromAny: readonly string[], target: string): Promise<boolean> {
    const wanted = new Set(fromAny)
    let level = new Set([target])
    for (let step = 0; step < PATH_STEPS_MAX; step++) {
      const above = new Set([...level].flatMap((name) => [...(this.#holders.get(name) ?? [])]))
      if ([...above].some((name) => wanted.has(name))) return true
      level = above
    }
    return false
  }

  async leaseUntil(holder: string, target: string): Promise<number> {
    return this.#leases.get(pairOf(holder, target)) ?? 0
  }

  async close(): Promise<void> {
    this.#records.clear()
  }
}

function pairOf(first: string, second: string): string {
  return JSON.stringify([first, second])
}

function mapAt<V>(maps: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const map = maps.get(key) ?? new Map<string, V>()
  maps.set(key, map)
  return map
}

function setAt(sets: Map<string, Set<string>>, key: string): Set<string> {
  const set = sets.get(key) ?? new Set<string>()
  sets.set(key, set)
  return set
}
