/** The listing of a commit from the Hub; offline, the one that the cache keeps. */
import { AppError } from '../base/app-error.ts'
import type { Env } from '../base/config.ts'
import type { HfCache } from '../transfer/hf-cache.ts'
import { isOffline } from '../transfer/hf-home.ts'
import type { TreeFile } from '../transfer/hub-client.ts'
import { type HubChoice, openHub } from '../transfer/hub-location.ts'
import { formatRepo, type HubRepo } from '../transfer/hub-repo.ts'
import { getListing } from '../transfer/snapshot.ts'

export interface CommitWish {
  readonly repo: HubRepo
  readonly revision: string
  readonly cache: HfCache
  readonly env: Env
}

export interface CommitListing {
  readonly commit: string
  readonly files: readonly TreeFile[]
}

export async function listCommit(
  options: HubChoice & { readonly signal?: AbortSignal | undefined },
  { repo, revision, cache, env }: CommitWish,
): Promise<CommitListing> {
  if (isOffline(env)) {
    const commit = await cache.findCommit(revision)
    const files = commit === null ? null : await cache.findTree(commit)
    if (commit !== null && files !== null) return { commit, files }
    throw new AppError('network', 'OFFLINE', `The cache has no listing of ${formatRepo(repo)} at ${revision}`)
  }
  const hub = await openHub(options)
  try {
    const commit = await hub.getCommit(repo, revision, options.signal)
    return { commit, files: await getListing(hub, repo, commit, options.signal) }
  } finally {
    await hub.http.close()
  }
}
