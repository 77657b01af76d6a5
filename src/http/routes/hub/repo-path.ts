/** Addresses of repositories: which routes exist for each type, and what a request's address says. */
import type { FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { parseRepoId, REPO_TYPES, type RepoId, type RepoType } from '../../../hub/repo-id.ts'
import { type RevisionPath, splitRevision } from '../../../hub/revision.ts'

/** One type's routes: `api` is `/api/models/:ns/:name`, `web` is `/:ns/:name` or `/datasets/:ns/:name`. */
export interface RepoRoutes {
  readonly type: RepoType
  readonly api: string
  readonly web: string
}

export const REPO_ROUTES: readonly RepoRoutes[] = REPO_TYPES.map((type) => ({
  type,
  api: `/api/${type}s/:ns/:name`,
  web: `${type === 'model' ? '' : `/${type}s`}/:ns/:name`,
}))

/** The repository a request names; git and LFS clients write `.git` behind it. */
export function repoIdOf(request: FastifyRequest, type: RepoType): RepoId {
  const { ns, name } = request.params as { ns: string; name: string }
  return parseRepoId(`${ns}/${name.replace(/\.git$/, '')}`, type)
}

/** Revision and path behind `route`, such as `/api/models/:ns/:name/tree`, from the address as it was sent. */
export function revisionPathOf(request: FastifyRequest, route: string): RevisionPath {
  const { revision, path } = splitRevision(rawRest(request, route))
  if (revision === '') throw new AppError('usage', 'REVISION_MISSING', 'The address names no revision')
  return { revision, path }
}

export function rawRest(request: FastifyRequest, route: string): string {
  const [address = ''] = request.url.split('?', 1)
  return address.split('/').slice(route.split('/').length).join('/')
}

/** Booleans as clients write them: `true`, `True`, `1`. */
export function isTrue(value: unknown): boolean {
  return typeof value === 'string' && /^(true|1)$/i.test(value)
}

/** Whether what is uploaded is to become a pull request of its own. */
export function opensPull(request: FastifyRequest): boolean {
  return isTrue((request.query as Record<string, unknown>).create_pr)
}

/** A parameter that may be repeated, under its name or with `[]` behind it. */
export function valuesOf(query: unknown, name: string): string[] {
  const fields = query as Readonly<Record<string, string | string[] | undefined>>
  return [fields[name] ?? [], fields[`${name}[]`] ?? []].flat()
}

/** Pages counted from 0. */
export function pageOf(value: unknown): number {
  if (value === undefined) return 0
  if (typeof value === 'string' && /^\d{1,9}$/.test(value)) return Number(value)
  throw new AppError('usage', 'PAGE_INVALID', 'p is the number of a page, from 0')
}

/** A whole number of at least 1, cut at `max`; `max` when there is none. */
export function limitOf(value: unknown, max: number): number {
  if (value === undefined) return max
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value) || Number(value) < 1) {
    throw new AppError('usage', 'LIMIT_INVALID', `limit is a number from 1 to ${max}`)
  }
  return Math.min(Number(value), max)
}
