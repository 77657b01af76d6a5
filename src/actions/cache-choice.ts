/** Which repositories and revisions of a cache a person means. */
import { resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import type { Env } from '../base/config.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { parseModelRef } from '../models/model-ref.ts'
import type { CachedRepo, CachedRevision, CacheScan } from '../transfer/cache-scan.ts'
import { hfHome } from '../transfer/hf-home.ts'

export interface CacheChoice {
  readonly cacheDir?: string | undefined
  readonly repoType?: RepoType | undefined
  readonly env?: Env
}

export function cacheFolder({ cacheDir, env = process.env }: CacheChoice): string {
  return cacheDir === undefined ? hfHome(env).hubCache : resolve(cacheDir)
}

export interface CachedTarget {
  readonly repo: CachedRepo
  /** Null: all of it. */
  readonly revision: CachedRevision | null
}

/** `NS/NAME`, `NS/NAME@REVISION` (branch, tag, or the first digits of a commit), or a commit alone. */
export function findTarget(scan: CacheScan, text: string, type: RepoType | undefined): CachedTarget {
  const byName = scan.repos.find(({ name }) => name === text)
  if (byName !== undefined && type === undefined) return { repo: byName, revision: null }
  if (/^[0-9a-f]{7,40}$/.test(text)) {
    const found = scan.repos.flatMap((repo) => revisionsOf(repo, text).map((revision) => ({ repo, revision })))
    if (found.length === 1) return found[0] as CachedTarget
    if (found.length > 1) throw ambiguous(text)
  }
  const ref = parseModelRef(text, { type })
  const repo = scan.repos.find((one) => one.type === ref.repo.type && one.id === ref.repo.id)
  if (repo === undefined) {
    const message = `${text} is not in the cache ${scan.cache}: see \`xorbit cache ls\``
    throw new AppError('not-found', 'CACHE_ENTRY_MISSING', message)
  }
  if (ref.revision === null) return { repo, revision: null }
  const commit = repo.refs.get(ref.revision) ?? ref.revision
  const [revision, second] = revisionsOf(repo, commit)
  if (second !== undefined) throw ambiguous(text)
  if (revision !== undefined) return { repo, revision }
  const message = `The cache has no revision ${ref.revision} of ${repo.name}: see \`xorbit cache ls ${repo.name}\``
  throw new AppError('not-found', 'CACHE_ENTRY_MISSING', message)
}

function revisionsOf({ revisions }: CachedRepo, commit: string): CachedRevision[] {
  if (!/^[0-9a-f]{7,40}$/.test(commit)) return []
  return revisions.filter((revision) => revision.commit.startsWith(commit))
}

function ambiguous(text: string): AppError {
  return new AppError('usage', 'CACHE_ENTRY_AMBIGUOUS', `${text} fits several revisions: give more digits`)
}
