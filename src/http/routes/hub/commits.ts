/** History, newest first, page by page. */
import type { FastifyInstance } from 'fastify'
import type { CommitInfo } from '../../../git/history.ts'
import { apiPath } from '../../../hub/repo-id.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { limitOf, pageOf, REPO_ROUTES, repoIdOf, revisionPathOf, valuesOf } from './repo-path.ts'

const PAGE_MAX = 100

export function commitsRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/commits`
    app.get<{ Querystring: Record<string, string> }>(`${route}/*`, async (request, reply) => {
      const { revision } = revisionPathOf(request, route)
      const caller = await callerOf(hub, request)
      const snapshot = await hub.reader.at(caller, repoIdOf(request, type), revision)
      const count = limitOf(request.query.limit, PAGE_MAX)
      const page = pageOf(request.query.p)
      const total = await snapshot.countCommits()
      reply.headers({ 'x-total-count': total, 'x-repo-commit': snapshot.commit })
      if ((page + 1) * count < total) {
        const query = new URLSearchParams(request.url.split('?')[1] ?? '')
        query.set('p', String(page + 1))
        const url = `${originOf(request)}${apiPath(snapshot.repo)}/commits/${snapshot.commit}?${query}`
        reply.header('link', `<${url}>; rel="next"`)
      }
      const commits = page * count >= total ? [] : await snapshot.listCommits({ skip: page * count, count })
      const formatted = valuesOf(request.query, 'expand').includes('formatted')
      return commits.map((commit) => commitJson(commit, formatted))
    })
  }
}

function commitJson({ oid, title, message, author, seconds }: CommitInfo, formatted: boolean) {
  return {
    ...{ id: oid, title, message },
    authors: [{ user: author, avatar: '' }],
    date: new Date(seconds * 1000).toISOString(),
    ...(formatted ? { formatted: { title: escapeHtml(title), message: escapeHtml(message) } } : {}),
  }
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
