/** Commits: the body is read as a stream, the answer means that everything is durable. */
import type { FastifyInstance } from 'fastify'
import { webPath } from '../../../hub/repo-id.ts'
import { noteDeed } from '../../guards/audit.ts'
import { bodyOf } from '../../guards/body.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { opensPull, REPO_ROUTES, repoIdOf, revisionPathOf } from './repo-path.ts'

export function commitRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/commit`
    app.post(`${route}/*`, async (request) => {
      const caller = await callerOf(hub, request)
      const { revision } = revisionPathOf(request, route)
      const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
      const place = { revision, openPull: opensPull(request) }
      const { commit, pull } = await hub.writer.commit(caller, repo, place, bodyOf(request))
      noteDeed(request, { details: { commit, ...(pull === null ? {} : { pull }) } })
      const page = `${originOf(request)}${webPath(repo)}`
      return {
        ...{ success: true, commitUrl: `${page}/commit/${commit}`, commitOid: commit, hookOutput: '' },
        ...(pull === null ? {} : { pullRequestUrl: `${page}/discussions/${pull}` }),
      }
    })
  }
}
