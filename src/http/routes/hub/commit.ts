/** Commits: the body is read as a stream, the answer means that everything is durable. */
import type { FastifyInstance } from 'fastify'
import { webPath } from '../../../hub/repo-id.ts'
import { noteDeed } from '../../guards/audit.ts'
import { bodyOf } from '../../guards/body.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { refusePullRequest } from './pull-requests.ts'
import { REPO_ROUTES, repoIdOf, revisionPathOf } from './repo-path.ts'

export function commitRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/commit`
    app.post(`${route}/*`, async (request) => {
      refusePullRequest(request)
      const caller = await callerOf(hub, request)
      const { revision } = revisionPathOf(request, route)
      const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
      const commitOid = await hub.writer.commit(caller, repo, revision, bodyOf(request))
      noteDeed(request, { details: { commit: commitOid } })
      const commitUrl = `${originOf(request)}${webPath(repo)}/commit/${commitOid}`
      return { success: true, commitUrl, commitOid, hookOutput: '' }
    })
  }
}
