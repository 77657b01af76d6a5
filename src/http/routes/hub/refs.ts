/** Branches, tags, conversions and pull requests of a repository. */
import type { FastifyInstance } from 'fastify'
import type { Ref } from '../../../git/repository.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { isTrue, REPO_ROUTES, repoIdOf } from './repo-path.ts'

export function refsRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    app.get<{ Querystring: Record<string, string> }>(`${api}/refs`, async (request) => {
      const caller = await callerOf(hub, request)
      const refs = await hub.reader.listRefs(caller, repoIdOf(request, type))
      const withPulls = isTrue(request.query.include_prs) || isTrue(request.query.include_pull_requests)
      return {
        branches: below(refs, 'refs/heads/'),
        tags: below(refs, 'refs/tags/'),
        converts: below(refs, 'refs/convert/'),
        ...(withPulls ? { pullRequests: below(refs, 'refs/pr/') } : {}),
      }
    })
  }
}

function below(refs: readonly Ref[], prefix: string) {
  const chosen = refs.filter(({ name }) => name.startsWith(prefix))
  return chosen.map(({ name, commit }) => ({ name: name.slice(prefix.length), ref: name, targetCommit: commit }))
}
