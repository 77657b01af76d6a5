/**
 * What may go, and when: the one place that decides it. A file stays while a commit of some repository reaches it or a
 * lease on it runs; a xorb or shard while a file refers to it, or a lease runs. What commits reach is asked of `Roots`.
 *
 * References repo -> file are kept true here: one that no commit backs is taken back while nobody commits to the
 * repository. Commits never lose a reference that way: they attach their files in the same turn as they move the ref.
 *
 * Without waits (`gc --now`) promises do not count, uploads under way do: what no repository ever held and was promised
 * within 24 hours, and every lease that is written after the look.
 */
import { AppError } from '../base/app-error.ts'
import type { BlobKey, BlobKind } from '../store/blob-store.ts'
import type { IndexEntry, Reference } from '../store/catalog.ts'
import { ANNOUNCE_AGAIN_SECONDS, ANNOUNCED_SECONDS, SESSION_SECONDS } from '../store/leases.ts'
import type { Doomed, Mark, SweepParts } from '../store/sweep.ts'
import { ChunkList } from '../xet/chunk-list.ts'
import { type FileHash, ZERO_HASH } from '../xet/hash.ts'
import { openShard } from '../xet/shard-reader.ts'
import { DELETED_REPO, type Holdings } from './holdings.ts'
import { Pacer } from './pacer.ts'
import { fileName } from './rights.ts'

/** What the repositories reach. Hub implements it over git. */
export interface Roots {
  has(repo: string): Promise<boolean>
  /** Ids of all repositories. */
  list(): AsyncIterable<string>
  /** SHA-256 of every large file that a commit of any ref reaches. */
  filesOf(repo: string): Promise<ReadonlySet<string>>
  /** Runs `action` while nobody commits to the repository. */
  whileStill<T>(repo: string, action: () => Promise<T>): Promise<T>
}

export interface LivenessReport {
  readonly repositories: number
  /** Repositories that could not be read: everything they hold stays. */
  readonly unreadable: readonly string[]
  readonly detached: number
  readonly marks: readonly Mark[]
}

export interface LivenessOptions {
  readonly skipWaits: boolean
  readonly dryRun: boolean
}

const REPO = 'repo:'
const NAMES_PER_LOOK = 100
const HOLDERS_MAX = 1000
/** A repository that is being made has files before it has a row: younger promises than this keep them. */
const MAKING_SECONDS = 3600

/** First phase: finds garbage, from repositories down to blobs. Writes nothing in a dry run, marks are the caller's. */
export async function findGarbage(holdings: Holdings, roots: Roots, options: LivenessOptions): Promise<LivenessReport> {
  const surplus = await findSurplus(holdings, roots, options)
  const look = new Look(holdings, options, surplus.references)
  const files = await look.markFiles()
  const blobs = [...(await look.markBlobs('shard')), ...(await look.markBlobs('xorb'))]
  const { repositories, unreadable } = surplus
  return { repositories, unreadable, detached: surplus.references.length, marks: [...files, ...blobs] }
}

async function findSurplus(holdings: Holdings, roots: Roots, { dryRun, skipWaits }: LivenessOptions) {
  const { catalog } = holdings
  const references: Reference[] = []
  const unreadable: string[] = []
  let repositories = 0
  for await (const source of catalog.listSources(REPO)) {
    const repo = source.slice(REPO.length)
    const isKnown = await roots.has(repo)
    const find = () => (isKnown ? unreached(holdings, roots, { repo, skipWaits }) : ownerless(holdings, repo))
    if (isKnown) repositories++
    try {
      let found = await find()
      if (found.length > 0 && !dryRun) {
        const take = async () => {
          found = await find()
          await catalog.remove({ references: found })
        }
        await (isKnown ? roots.whileStill(repo, take) : take())
      }
      references.push(...found)
    } catch (error) {
      unreadable.push(`${repo}: ${(error as Error).message}`)
    }
  }
  return { references, unreadable, repositories }
}

/** References of a repository that no commit backs; those of files promised today wait for one that may still come. */
async function unreached(
  holdings: Holdings,
  roots: Roots,
  { repo, skipWaits }: { repo: string; skipWaits: boolean },
): Promise<Reference[]> {
  const reached = await roots.filesOf(repo)
  const found: Reference[] = []
  for await (const to of holdings.catalog.listTargets(REPO + repo)) {
    const hash = to.slice(fileName('' as FileHash).length) as FileHash
    const sha256 = await holdings.findSha256(hash)
    if (hash !== ZERO_HASH && sha256 !== null && !reached.has(sha256)) found.push({ from: REPO + repo, to })
  }
  if (skipWaits) return found
  const since = holdings.clock.nowSeconds() + ANNOUNCED_SECONDS - SESSION_SECONDS
  const fresh = new Set(
    await holdings.catalog.findLeased(
      found.map(({ to }) => to),
      since,
    ),
  )
  return found.filter(({ to }) => !fresh.has(to))
}

/** References of a repository that is not there: deleted, or not yet made. */
async function ownerless({ catalog, clock }: Holdings, repo: string): Promise<Reference[]> {
  const targets: string[] = []
  for await (const to of catalog.listTargets(REPO + repo)) targets.push(to)
  if ((await catalog.findRecord(DELETED_REPO, repo)) === null) {
    const young = await catalog.findLeased(targets, clock.nowSeconds() + ANNOUNCED_SECONDS - MAKING_SECONDS)
    if (young.length > 0) return []
  }
  return targets.map((to) => ({ from: REPO + repo, to }))
}

/** Looks at what there is, lowest references first: what only garbage refers to is garbage. */
class Look {
  readonly #holdings: Holdings
  readonly #skipWaits: boolean
  readonly #nowSeconds: number
  /** Holders by target that count no more, in a dry run still in the catalog. */
  readonly #surplus = new Map<string, Set<string>>()
  readonly #dead = new Set<string>()

  constructor(holdings: Holdings, { skipWaits }: LivenessOptions, surplus: readonly Reference[]) {
    this.#holdings = holdings
    this.#skipWaits = skipWaits
    this.#nowSeconds = holdings.clock.nowSeconds()
    for (const { from, to } of surplus) this.#surplus.set(to, (this.#surplus.get(to) ?? new Set()).add(from))
  }

  async markFiles(): Promise<Mark[]> {
    const marks: Mark[] = []
    for await (const names of pagesOf(this.#holdings.catalog.listKeys('file'), fileName as (key: string) => string)) {
      for (const mark of await this.#markFree(names, (name) => this.#surplus.has(name))) {
        marks.push(mark)
        this.#dead.add(mark.name)
      }
    }
    return marks
  }

  async markBlobs(kind: BlobKind): Promise<Mark[]> {
    const marks: Mark[] = []
    for await (const names of pagesOf(this.#holdings.blobs.list(kind), (name) => `${kind}:${name}`)) {
      for (const mark of await this.#markFree(names, (_name, holders) => holders > 0)) {
        if (kind === 'shard' && (await this.#adoptShard(mark.name))) continue
        marks.push(mark)
      }
    }
    return marks
  }

  /** `wasHeld`: what a repository or file held is no upload under way. */
  async #markFree(names: readonly string[], wasHeld: (name: string, holders: number) => boolean): Promise<Mark[]> {
    const { catalog, pins } = this.#holdings
    const marks: Mark[] = []
    const holders = new Map<string, number>()
    for (const name of names) {
      const found = await catalog.findHolders(name, HOLDERS_MAX)
      const living = found.filter((holder) => !this.#dead.has(holder) && this.#surplus.get(name)?.has(holder) !== true)
      if (living.length === 0 && found.length < HOLDERS_MAX && !pins.has(name)) holders.set(name, found.length)
    }
    for (const [leasesAfter, group] of groupBy(holders, ([name, count]) => this.#leasesAfter(wasHeld(name, count)))) {
      const leased = new Set(await catalog.findLeased([...group], leasesAfter))
      for (const name of group) if (!leased.has(name)) marks.push({ name, leasesAfter })
    }
    return marks
  }

  #leasesAfter(wasHeld: boolean): number {
    if (!this.#skipWaits) return this.#nowSeconds
    // A lease written later than this second counts: somebody has begun to use it again.
    if (wasHeld) return this.#nowSeconds + ANNOUNCED_SECONDS + ANNOUNCE_AGAIN_SECONDS
    return this.#nowSeconds + ANNOUNCED_SECONDS - SESSION_SECONDS
  }

  /** Shards of early homes have no references yet: those of files that stay are written now. */
  async #adoptShard(name: string): Promise<boolean> {
    const { catalog } = this.#holdings
    if ((await catalog.findHolders(name, 1)).length > 0) return false
    const references: Reference[] = []
    try {
      for (const file of openShard(await readShard(this.#holdings, name.slice('shard:'.length))).files()) {
        const from = fileName(file.hash)
        if (this.#dead.has(from) || (await catalog.findRecord('file', file.hash)) === null) continue
        references.push({ from, to: name })
      }
    } catch (error) {
      // Damaged: what it held cannot be told, so it stays for whoever repairs it.
      if (error instanceof AppError) return true
      throw error
    }
    if (references.length > 0) await catalog.write({ references })
    return references.length > 0
  }
}

/** The shard's bytes, checked. */
export async function readShard({ blobs }: Holdings, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of blobs.open({ kind: 'shard', name })) parts.push(part)
  return Buffer.concat(parts)
}

/** The parts of a sweep over these holdings. */
export function sweepParts(holdings: Holdings, signal?: AbortSignal): SweepParts {
  const { catalog, blobs, pins, clock } = holdings
  return {
    ...{ catalog, blobs, pins, clock, signal },
    nameOf: ({ kind, name }: BlobKey) => `${kind}:${name}`,
    describe: (name) => describe(holdings, name),
  }
}

async function describe(holdings: Holdings, name: string): Promise<Doomed> {
  const { catalog } = holdings
  const [kind = '', key = ''] = name.split(':')
  if (kind === 'file') {
    const sha256 = await holdings.findSha256(key as FileHash)
    const index = sha256 === null ? [] : [{ kind: 'sha256', key: sha256, value: key }]
    const records = ['file', 'sha256'].map((of) => ({ kind: of, key }))
    return { blob: null, records, index }
  }
  const blob: BlobKey = { kind: kind as BlobKind, name: key }
  if (kind === 'shard') return { blob, records: [], index: [] }
  const packed = await catalog.findRecord('xorb', key)
  return {
    blob,
    records: [{ kind: 'xorb', key }],
    index: packed === null ? [] : await chunkEntries(holdings, key, packed),
  }
}

/** Entries of a xorb's chunks. Which are offered is not kept, so all are looked at. */
async function chunkEntries({ clock }: Holdings, xorb: string, packed: Uint8Array): Promise<IndexEntry[]> {
  const pacer = new Pacer(clock)
  const chunks = new ChunkList(packed)
  const entries: IndexEntry[] = []
  for (let i = 0; i < chunks.count; i++) {
    entries.push({ kind: 'chunk', key: chunks.hash(i), value: xorb })
    if (pacer.isDue) await pacer.pause()
  }
  return entries
}

async function* pagesOf(keys: AsyncIterable<string>, nameOf: (key: string) => string): AsyncIterable<string[]> {
  let page: string[] = []
  for await (const key of keys) {
    page.push(nameOf(key))
    if (page.length < NAMES_PER_LOOK) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

function groupBy(
  names: ReadonlyMap<string, number>,
  groupOf: (entry: [string, number]) => number,
): ReadonlyMap<number, string[]> {
  const groups = new Map<number, string[]>()
  for (const entry of names) {
    const group = groupOf(entry)
    groups.set(group, [...(groups.get(group) ?? []), entry[0]])
  }
  return groups
}
