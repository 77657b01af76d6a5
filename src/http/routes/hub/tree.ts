/** Listings of a revision's files, page by page. Pages name the commit, so that they belong together. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { mayReadFiles } from '../../../hub/access.ts'
import { entryNotFound } from '../../../hub/hub-error.ts'
import { apiPath, type RepoType } from '../../../hub/repo-id.ts'
import type { RepoEntry } from '../../../hub/repo-listing.ts'
import type { Snapshot } from '../../../hub/repo-reader.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { isTrue, limitOf, REPO_ROUTES, repoIdOf, revisionPathOf } from './repo-path.ts'
import { entriesJson } from './tree-json.ts'

const PAGE_MAX = 1000
/** With `expand` history is walked for each entry. */
const PAGE_EXPANDED_MAX = 100

interface TreeQuery {
  readonly recursive?: string
  readonly expand?: string
  readonly limit?: string
  readonly cursor?: string
}

export function treeRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/tree`
    app.get(`${route}/*`, async (request, reply) => {
      const page = await pageOf(hub, request, { type, route })
      reply.header('x-repo-commit', page.snapshot.commit)
      if (page.next !== null) reply.header('link', `<${page.next}>; rel="next"`)
      return entriesJson(page.snapshot, page.entries, { ...page, clock: hub.clock })
    })
  }
}

async function pageOf(hub: HubService, request: FastifyRequest, { type, route }: { type: RepoType; route: string }) {
  const { revision, path } = revisionPathOf(request, route)
  const caller = await callerOf(hub, request)
  const snapshot = await hub.reader.at(caller, repoIdOf(request, type), revision)
  const query = request.query as TreeQuery
  const expand = isTrue(query.expand)
  const limit = limitOf(query.limit, expand ? PAGE_EXPANDED_MAX : PAGE_MAX)
  const all = (await snapshot.list()).below(path, { recursive: isTrue(query.recursive) })
  if (all === null) throw entryNotFound(path, revision, snapshot.commit)
  const start = query.cursor === undefined ? 0 : afterCursor(all, query.cursor)
  const entries = all.slice(start, start + limit)
  const next =
    start + limit < all.length ? nextUrl(request, snapshot, { path, last: entries.at(-1) as RepoEntry }) : null
  const open = mayReadFiles(hub.accounts, caller, snapshot.repo)
  return { snapshot, entries, expand, open, next }
}

/** All parameters as they came, and where to go on. */
function nextUrl(
  request: FastifyRequest,
  { repo, commit }: Snapshot,
  { path, last }: { path: string; last: RepoEntry },
): string {
  const folder = path === '' ? '' : `/${path.split('/').map(encodeURIComponent).join('/')}`
  const query = new URLSearchParams(request.url.split('?')[1] ?? '')
  query.set('cursor', Buffer.from(last.path).toString('base64url'))
  return `${originOf(request)}${apiPath(repo)}/tree/${commit}${folder}?${query}`
}

function afterCursor(all: readonly RepoEntry[], cursor: string): number {
  const path = Buffer.from(cursor, 'base64url').toString('utf8')
  const at = all.findIndex((entry) => entry.path === path)
  if (at < 0) throw new AppError('usage', 'CURSOR_INVALID', 'The cursor is not one of this listing')
  return at + 1
}
