/** Compares what is on disk with what the Hub lists, by digest of every byte. Changes nothing. */
import { join, resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { resolveInside } from '../base/safe-path.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { parseModelRef } from '../models/model-ref.ts'
import { digestOf } from '../transfer/content-check.ts'
import { contentId } from '../transfer/download-plain.ts'
import { HfCache } from '../transfer/hf-cache.ts'
import { hfHome } from '../transfer/hf-home.ts'
import type { TreeFile } from '../transfer/hub-client.ts'
import type { HubChoice } from '../transfer/hub-location.ts'
import { formatRepo } from '../transfer/hub-repo.ts'
import { pathFilter } from '../transfer/path-filter.ts'
import type { FileOutcome, OnProgress } from '../transfer/progress.ts'
import { listCommit } from './list-commit.ts'
import { oneOf } from './pull.ts'

export interface VerifyOptions extends HubChoice {
  readonly ref: string
  readonly repoType?: RepoType | undefined
  readonly revision?: string | undefined
  readonly localDir?: string | undefined
  readonly cacheDir?: string | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly onDifference: (difference: Difference) => void
  readonly onProgress?: OnProgress
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
  const { env = process.env, signal, onDifference, onProgress = () => undefined } = options
  const ref = parseModelRef(options.ref, { type: options.repoType })
  const revision = oneOf(ref.revision, options.revision, '--revision') ?? 'main'
  const folder = options.cacheDir === undefined ? hfHome(env).hubCache : resolve(options.cacheDir)
  const cache = new HfCache({ cache: folder, repo: ref.repo, shared: false })
  const endpoint = oneOf(ref.endpoint, options.endpoint, '--endpoint')
  const listed = await listCommit({ ...options, endpoint }, { repo: ref.repo, revision, cache, env })
  const root = options.localDir === undefined ? cache.snapshotFolder(listed.commit) : resolve(options.localDir)
  const isWanted = pathFilter(options)
  const wanted = listed.files.filter(({ path }) => isWanted(path))
  onProgress({ event: 'plan', files: wanted.length, bytes: wanted.reduce((sum, { size }) => sum + size, 0) })
  let checked = 0
  let differences = 0
  for (const file of wanted) {
    const actual = await digestOf(await resolveInside(root, file.path), file, signal)
    if (actual === null && options.localDir === undefined && !(await cache.hasName(listed.commit, file.path))) continue
    checked++
    onProgress({ event: 'bytes', path: file.path, bytes: file.size })
    onProgress({ event: 'file', file: outcomeOf(file, root) })
    if (actual === contentId(file)) continue
    differences++
    onDifference({ path: file.path, expected: contentId(file), actual: actual ?? 'missing' })
  }
  if (checked === 0 && wanted.length > 0) {
    throw new AppError(
      'not-found',
      'NOT_PULLED',
      `Nothing of ${formatRepo(ref.repo)} at ${revision} is here: pull it first`,
    )
  }
  return { checked, differences, commit: listed.commit }
}

function outcomeOf({ path, size: bytes, sha256, xetHash: fileHash }: TreeFile, root: string): FileOutcome {
  return { path, bytes, sha256, fileHash, localPath: join(root, path), source: 'disk' }
}
