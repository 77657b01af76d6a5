/** What a cache holds, and what it takes on the disk: a file with two names, or shared by two repositories, once. */
import { basename } from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'
import { removals, repoLeftovers } from '../transfer/cache-leftovers.ts'
import { type CachedBlob, type CachedRepo, diskBytes, inodeKey, scanCache } from '../transfer/cache-scan.ts'
import { findReferences, listSharedBlobs } from '../transfer/shared-blob-care.ts'
import { type CacheChoice, cacheFolder } from './cache-choice.ts'

export interface RepoFigures {
  readonly repo: CachedRepo
  /** Of its contents, each once. */
  readonly bytes: number
  /** What it takes on the disk, with what it shares. */
  readonly diskBytes: number
  /** The part of `diskBytes` that other repositories, or programs beside the cache, use too. */
  readonly sharedBytes: number
  readonly fileCount: number
  readonly usedMs: number
  readonly changedMs: number
  readonly revisions: readonly RevisionFigures[]
  readonly missing: readonly string[]
}

export interface RevisionFigures {
  readonly commit: string
  readonly refs: readonly string[]
  readonly bytes: number
  readonly fileCount: number
  readonly changedMs: number
  readonly folder: string
}

export interface CacheFigures {
  readonly cache: string
  readonly repos: readonly RepoFigures[]
  /** All blobs, each file once. */
  readonly diskBytes: number
  /** Of what ended processes left. */
  readonly leftovers: { readonly count: number; readonly bytes: number }
  /** Shared blobs that nothing refers to. */
  readonly orphans: { readonly count: number; readonly bytes: number }
  readonly strange: readonly string[]
}

export async function listCache(options: CacheChoice & { readonly clock?: Clock } = {}): Promise<CacheFigures> {
  const { clock = systemClock } = options
  const cache = cacheFolder(options)
  const { repos, strange } = await scanCache(cache)
  const shared = await listSharedBlobs(cache)
  const sharers = countSharers(repos)
  const seen = new Map<string, number>()
  for (const { blobs } of repos) {
    for (const { stat } of blobs.values()) if (stat !== null) seen.set(inodeKey(stat), diskBytes(stat))
  }
  for (const { stat } of shared) seen.set(inodeKey(stat), diskBytes(stat))
  const left = await removals(cache)
  for (const { folder } of repos) left.push(...(await repoLeftovers(cache, basename(folder), clock)))
  const ended = left.filter(({ isLeft }) => isLeft)
  const orphans = { count: 0, bytes: 0 }
  for (const { path, stat } of shared) {
    if ((await findReferences(cache, path))?.length !== 0) continue
    orphans.count++
    orphans.bytes += diskBytes(stat)
  }
  return {
    ...{ cache, strange, orphans },
    repos: repos.map((repo) => figuresOf(repo, sharers)),
    diskBytes: sum(seen.values()),
    leftovers: { count: ended.length, bytes: sum(ended.map(({ bytes }) => bytes)) },
  }
}

/** How many repositories use each shared file. */
function countSharers(repos: readonly CachedRepo[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { blobs } of repos) {
    const keys = new Set([...blobs.values()].flatMap(({ stat }) => (stat === null ? [] : [inodeKey(stat)])))
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

function figuresOf(repo: CachedRepo, sharers: ReadonlyMap<string, number>): RepoFigures {
  const files = repo.revisions.flatMap((revision) => revision.files)
  const whole = new Map<string, NonNullable<CachedBlob['stat']>>()
  for (const { stat } of [...repo.blobs.values(), ...files]) if (stat !== null) whole.set(inodeKey(stat), stat)
  const stats = [...whole.values()]
  const isShared = (stat: (typeof stats)[number]) => stat.nlink > 1 || (sharers.get(inodeKey(stat)) ?? 0) > 1
  return {
    repo,
    bytes: sum(stats.map(({ size }) => size)),
    diskBytes: sum(stats.map(diskBytes)),
    sharedBytes: sum(stats.filter(isShared).map(diskBytes)),
    fileCount: stats.length,
    usedMs: Math.max(0, ...stats.map(({ atimeMs }) => atimeMs)),
    changedMs: Math.max(0, ...repo.revisions.map(({ changedMs }) => changedMs)),
    revisions: repo.revisions.map(({ commit, refs, files: own, changedMs, folder }) => {
      const sizes = new Map(own.flatMap(({ stat }) => (stat === null ? [] : [[inodeKey(stat), stat.size] as const])))
      return { commit, refs, bytes: sum(sizes.values()), fileCount: own.length, changedMs, folder }
    }),
    missing: files.filter(({ stat }) => stat === null).map(({ path }) => path),
  }
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
