/**
 * What nobody needs goes out of the cache: revisions that no branch or tag names, blobs that no snapshot uses, shared
 * blobs that no repository refers to, and what ended processes left. What is young, or belongs to a repository in which
 * something is being downloaded, stays for the next time.
 */
import { basename, join } from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'
import { lstatIfThere } from '../base/if-there.ts'
import {
  removals as findRemovals,
  type Leftover,
  removeLeftover,
  repoLeftovers,
  SILENT_MS,
} from '../transfer/cache-leftovers.ts'
import { bytesFreed, planRemoval, type Removal, remove, removeBlobs } from '../transfer/cache-removal.ts'
import { type CachedBlob, type CachedRepo, diskBytes, scanCache } from '../transfer/cache-scan.ts'
import {
  findReferences,
  listSharedBlobs,
  restoreAside,
  type SharedBlob,
  sweepSharedBlob,
} from '../transfer/shared-blob-care.ts'
import { type CacheChoice, cacheFolder } from './cache-choice.ts'

export interface PrunePlan {
  readonly cache: string
  readonly revisions: readonly Removal[]
  readonly blobs: readonly { readonly repo: CachedRepo; readonly blobs: readonly CachedBlob[] }[]
  readonly shared: readonly SharedBlob[]
  readonly leftovers: readonly Leftover[]
  /** On the disk. */
  readonly bytes: number
  /** Revisions that no branch or tag names, too young to go. */
  readonly youngRevisions: number
  /** Repositories left alone because something is being downloaded into them. */
  readonly busy: readonly string[]
}

export async function planPrune(options: CacheChoice & { readonly clock?: Clock } = {}): Promise<PrunePlan> {
  const { clock = systemClock } = options
  const cache = cacheFolder(options)
  const { repos } = await scanCache(cache)
  const revisions: Removal[] = []
  const unused: { repo: CachedRepo; blobs: CachedBlob[] }[] = []
  const leftovers = (await findRemovals(cache)).filter(({ isLeft }) => isLeft)
  const busy: string[] = []
  let youngRevisions = 0
  const isOld = (ms: number) => clock.nowMs() - ms >= SILENT_MS
  for (const repo of repos) {
    const found = await repoLeftovers(cache, basename(repo.folder), clock)
    leftovers.push(...found.filter(({ isLeft }) => isLeft))
    if (found.some(({ isLeft }) => !isLeft)) {
      busy.push(repo.name)
      continue
    }
    const { removal, youngCount } = await planRevisions(repo, isOld)
    youngRevisions += youngCount
    if (removal !== null) revisions.push(removal)
    const going = new Set(removal?.blobs)
    const used = new Set(repo.revisions.flatMap(({ files }) => files.map(({ blob }) => blob)))
    const isUnused = (blob: CachedBlob) => !used.has(blob.name) && !going.has(blob) && isOld(blob.stat?.ctimeMs ?? 0)
    const blobs = [...repo.blobs.values()].filter(isUnused)
    if (blobs.length > 0) unused.push({ repo, blobs })
  }
  const shared = await findOrphans(cache)
  const removals = [...revisions, ...unused.map(({ repo, blobs }) => ({ repo, commits: [], blobs }))]
  const bytes =
    (await bytesFreed(cache, removals)) +
    leftovers.reduce((sum, leftover) => sum + leftover.bytes, 0) +
    shared.reduce((sum, { stat }) => sum + diskBytes(stat), 0)
  return { cache, revisions, blobs: unused, shared, leftovers, bytes, youngRevisions, busy }
}

/** Those without a name; a young one may still be in the making. */
async function planRevisions(repo: CachedRepo, isOld: (ms: number) => boolean) {
  const commits: string[] = []
  let youngCount = 0
  for (const { commit, refs, changedMs } of repo.revisions) {
    if (refs.length > 0) continue
    const tree = await lstatIfThere(join(repo.folder, 'trees', `${commit}.json`))
    if (isOld(Math.max(changedMs, tree?.mtimeMs ?? 0))) commits.push(commit)
    else youngCount++
  }
  return { removal: commits.length === 0 ? null : planRemoval(repo, commits), youngCount }
}

async function findOrphans(cache: string): Promise<SharedBlob[]> {
  const orphans: SharedBlob[] = []
  for (const blob of await listSharedBlobs(cache)) {
    if ((await findReferences(cache, blob.path))?.length === 0) orphans.push(blob)
  }
  return orphans
}

export async function prune(plan: PrunePlan): Promise<void> {
  const { cache, revisions, blobs: unused, leftovers } = plan
  for (const leftover of leftovers) await removeLeftover(leftover)
  for (const removal of revisions) await remove(cache, removal)
  for (const { repo, blobs } of unused) {
    await removeBlobs(repo.folder, blobs)
    for (const { xetHash, filePath } of blobs) if (xetHash !== null) await sweepSharedBlob(cache, filePath)
  }
  await restoreAside(cache)
  for (const { path } of await findOrphans(cache)) await sweepSharedBlob(cache, path)
}
