/** What lies between two revisions: `A..B`, or `A...B` from where they parted. */
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { checkFiles } from '../../../hub/access.ts'
import { decodeSegment } from '../../../hub/revision.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { isTrue, REPO_ROUTES, rawRest, repoIdOf } from './repo-path.ts'

export function compareRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/compare`
    app.get<{ Querystring: Record<string, string> }>(`${route}/*`, async (request, reply) => {
      const caller = await callerOf(hub, request)
      const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
      checkFiles(hub.accounts, caller, repo)
      const { from, to, fromBase } = rangeOf(decodeSegment(rawRest(request, route)))
      const a = await hub.reader.at(caller, repo, from)
      const b = await hub.reader.at(caller, repo, to)
      const { text, changes } = await hub.pulls.diff(repo, { from: a.commit, to: b.commit, fromBase })
      reply.header('x-repo-commit', b.commit)
      if (isTrue(request.query.raw)) return reply.type('text/plain; charset=utf-8').send(text)
      const files = changes.map(({ status, path, from: oldOid, to: newOid }) => ({ status, path, oldOid, newOid }))
      return { base: a.commit, head: b.commit, files, diff: text }
    })
  }
}

function rangeOf(range: string): { from: string; to: string; fromBase: boolean } {
  const [, from, dots, to] = /^(.+?)(\.{2,3})(.+)$/.exec(range) ?? []
  if (from !== undefined && to !== undefined) return { from, to, fromBase: dots === '...' }
  throw new AppError('usage', 'COMPARE_RANGE_BAD', 'Compare takes A..B, two revisions with dots between them')
}
