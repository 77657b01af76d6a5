/** Repositories and revisions out of the cache, and nothing that anybody else uses. */
import { type Clock, systemClock } from '../base/clock.ts'
import { bytesFreed, checkUnused, planRemoval, type Removal, remove, scanAgain } from '../transfer/cache-removal.ts'
import { type CachedRepo, scanCache } from '../transfer/cache-scan.ts'
import { type CacheChoice, cacheFolder, findTarget } from './cache-choice.ts'

export interface CacheRmPlan {
  readonly cache: string
  readonly removals: readonly Removal[]
  /** On the disk. */
  readonly bytes: number
}

/** What would go; throws when one of the targets is not there, or is being downloaded. */
export async function planCacheRm(
  targets: readonly string[],
  options: CacheChoice & { readonly clock?: Clock },
): Promise<CacheRmPlan> {
  const { clock = systemClock } = options
  const cache = cacheFolder(options)
  const scan = await scanCache(cache)
  const chosen = new Map<CachedRepo, Set<string> | null>()
  for (const text of targets) {
    const { repo, revision } = findTarget(scan, text, options.repoType)
    const before = chosen.get(repo)
    if (revision === null || before === null) chosen.set(repo, null)
    else chosen.set(repo, new Set([...(before ?? []), revision.commit]))
  }
  const removals = [...chosen].map(([repo, commits]) => planRemoval(repo, commits === null ? null : [...commits]))
  for (const { repo } of removals) await checkUnused(cache, repo, clock)
  return { cache, removals, bytes: await bytesFreed(cache, removals) }
}

/** Looks again first: somebody may have been asked, and taken their time. */
export async function cacheRm(plan: CacheRmPlan, clock: Clock = systemClock): Promise<void> {
  for (const { repo, commits } of plan.removals) {
    const now = await scanAgain(plan.cache, repo)
    if (now === null) continue
    await checkUnused(plan.cache, now, clock)
    await remove(plan.cache, planRemoval(now, commits))
  }
}
