/** The catalog in memory: for tests, and the plain truth that the other drivers are compared with. */
import {
  type Batch,
  type Catalog,
  type CatalogRecord,
  PATH_STEPS_MAX,
  type RecordName,
  type Reference,
  type Removal,
} from './catalog.ts'

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

  async *listAbove(target: string, prefix: string): AsyncIterable<readonly string[]> {
    let level = new Set([target])
    for (let step = 0; step < PATH_STEPS_MAX; step++) {
      level = new Set([...level].flatMap((name) => [...(this.#holders.get(name) ?? [])]))
      const found = [...level].filter((name) => name.startsWith(prefix))
      if (found.length > 0) yield found
      for (const name of found) level.delete(name)
    }
  }

  async leaseUntil(holder: string, target: string): Promise<number> {
    return this.#leases.get(pairOf(holder, target)) ?? 0
  }

  async *listKeys(kind: string): AsyncIterable<string> {
    yield* [...(this.#records.get(kind)?.keys() ?? [])].sort()
  }

  async *listSources(prefix: string): AsyncIterable<string> {
    const sources = new Set([...this.#holders.values()].flatMap((holders) => [...holders]))
    yield* [...sources].filter((source) => source.startsWith(prefix)).sort()
  }

  async *listTargets(source: string): AsyncIterable<string> {
    yield* [...this.#holders]
      .filter(([, holders]) => holders.has(source))
      .map(([target]) => target)
      .sort()
  }

  async findLeased(names: readonly string[], afterSeconds: number): Promise<string[]> {
    return names.filter((name) => this.#isLeased(name, afterSeconds))
  }

  async remove(what: { references?: readonly Reference[]; records?: readonly RecordName[] }): Promise<void> {
    for (const { from, to } of what.references ?? []) this.#holders.get(to)?.delete(from)
    for (const { kind, key } of what.records ?? []) this.#records.get(kind)?.delete(key)
  }

  async removeFree(removals: readonly Removal[]): Promise<string[]> {
    return removals.filter((removal) => this.#removeIfFree(removal)).map(({ name }) => name)
  }

  #removeIfFree({ name, leasesAfter, records = [], index = [], put = [] }: Removal): boolean {
    if ((this.#holders.get(name)?.size ?? 0) > 0 || this.#isLeased(name, leasesAfter)) return false
    for (const { kind, key } of records) this.#records.get(kind)?.delete(key)
    for (const { kind, key, value } of index) this.#index.get(pairOf(kind, key))?.delete(value)
    for (const { kind, key, value } of put) mapAt(this.#records, kind).set(key, value.slice())
    for (const holders of this.#holders.values()) holders.delete(name)
    for (const pair of this.#leases.keys()) if (targetOf(pair) === name) this.#leases.delete(pair)
    return true
  }

  #isLeased(name: string, afterSeconds: number): boolean {
    return [...this.#leases].some(([pair, until]) => targetOf(pair) === name && until > afterSeconds)
  }

  async close(): Promise<void> {
    this.#records.clear()
  }
}

function pairOf(first: string, second: string): string {
  return JSON.stringify([first, second])
}

function targetOf(pair: string): string {
  return (JSON.parse(pair) as [string, string])[1]
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
