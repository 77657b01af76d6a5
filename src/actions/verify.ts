/** Compares what is on disk with what the Hub lists, by digest of every byte. Changes nothing. */
import { resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { resolveInside } from '../base/safe-path.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { parseModelRef } from '../models/model-ref.ts'
import { digestOf } from '../transfer/content-check.ts'
import { contentId } from '../transfer/download-plain.ts'
import { HfCache } from '../transfer/hf-cache.ts'
import { hfHome, isOn } from '../transfer/hf-home.ts'
import type { TreeFile } from '../transfer/hub-client.ts'
import { type HubChoice, openHub } from '../transfer/hub-location.ts'
import { formatRepo, type HubRepo } from '../transfer/hub-repo.ts'
import { getListing } from '../transfer/snapshot.ts'
import { oneOf } from './pull.ts'

export interface VerifyOptions extends HubChoice {
  readonly ref: string
  readonly repoType?: RepoType | undefined
  readonly revision?: string | undefined
  readonly localDir?: string | undefined
  readonly cacheDir?: string | undefined
  readonly onDifference: (difference: Difference) => void
  readonly signal?: AbortSignal | undefined
}

export interface Difference {
  readonly path: string
  readonly expected: string
  /** Its digest, or that it is not there. */
  readonly actual: string
}

/** Files of the snapshot that are here are hashed; those that were never pulled count as missing in a folder only. */
export async function verify(
  options: VerifyOptions,
): Promise<{ checked: number; differences: number; commit: string }> {
  const { env = process.env, signal, onDifference } = options
  const ref = parseModelRef(options.ref, { type: options.repoType })
  const revision = oneOf(ref.revision, options.revision, '--revision') ?? 'main'
  const folder = options.cacheDir === undefined ? hfHome(env).hubCache : resolve(options.cacheDir)
  const cache = new HfCache({ cache: folder, repo: ref.repo, shared: false })
  const endpoint = oneOf(ref.endpoint, options.endpoint, '--endpoint')
  const listed = await getExpected({ ...options, endpoint }, { repo: ref.repo, revision, cache, env })
  const root = options.localDir === undefined ? cache.snapshotFolder(listed.commit) : resolve(options.localDir)
  let checked = 0
  let differences = 0
  for (const file of listed.files) {
    const actual = await digestOf(await resolveInside(root, file.path), file, signal)
    if (actual === null && options.localDir === undefined && !(await cache.hasName(listed.commit, file.path))) continue
    checked++
    if (actual === contentId(file)) continue
    differences++
    onDifference({ path: file.path, expected: contentId(file), actual: actual ?? 'missing' })
  }
  if (checked === 0 && listed.files.length > 0) {
    throw new AppError(
      'not-found',
      'NOT_PULLED',
      `Nothing of ${formatRepo(ref.repo)} at ${revision} is here: pull it first`,
    )
  }
  return { checked, differences, commit: listed.commit }
}

interface Place {
  readonly repo: HubRepo
  readonly revision: string
  readonly cache: HfCache
  readonly env: NonNullable<HubChoice['env']>
}

/** The listing of the commit from the Hub; offline, the one that the cache keeps. */
async function getExpected(options: VerifyOptions, { repo, revision, cache, env }: Place) {
  if (isOn(env.HF_HUB_OFFLINE)) {
    const commit = await cache.findCommit(revision)
    const files: TreeFile[] | null = commit === null ? null : await cache.findTree(commit)
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
