/** The repositories that the caller may see, newest first, page by page. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { visibilityFor } from '../../../hub/access.ts'
import { REPO_TYPES } from '../../../hub/repo-id.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { summaryOf } from './info.ts'
import { limitOf } from './repo-path.ts'

const PAGE_MAX = 1000

interface ListQuery {
  readonly author?: string
  readonly owner?: string
  readonly search?: string
  readonly limit?: string
  readonly cursor?: string
}

export function listingRoutes(app: FastifyInstance, hub: HubService): void {
  for (const type of REPO_TYPES) {
    app.get<{ Querystring: ListQuery }>(`/api/${type}s`, async (request, reply) => {
      const caller = await callerOf(hub, request)
      const { author, owner, search, limit, cursor } = request.query
      const { repos, last } = hub.accounts.repos.list({
        type,
        author: author ?? owner,
        search: search === '' ? undefined : search,
        ...visibilityFor(caller),
        after: cursor === undefined ? undefined : numberOf(cursor),
        count: limitOf(limit, PAGE_MAX),
      })
      if (last !== null) reply.header('link', `<${nextUrl(request, last)}>; rel="next"`)
      return repos.map((repo) => summaryOf(repo, null))
    })
  }
}

function nextUrl(request: FastifyRequest, last: number): string {
  const [path = '', query = ''] = request.url.split('?')
  const next = new URLSearchParams(query)
  next.set('cursor', String(last))
  return `${originOf(request)}${path}?${next}`
}

function numberOf(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw new AppError('usage', 'CURSOR_INVALID', 'The cursor is not one of this listing')
  return Number(cursor)
}
