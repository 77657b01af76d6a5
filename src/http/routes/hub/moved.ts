/** Old names of repositories lead to the new ones: 307, the address otherwise as it was sent. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { mayRead } from '../../../hub/access.ts'
import { repoMoved } from '../../../hub/hub-error.ts'
import type { RepoId } from '../../../hub/repo-id.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { REPO_ROUTES, repoIdOf } from './repo-path.ts'

/** For all routes of `app` that name a repository. */
export function followMoves(app: FastifyInstance, hub: HubService): void {
  app.addHook('preHandler', async (request) => {
    const route = request.routeOptions.url ?? ''
    const kind = REPO_ROUTES.find(({ api, web }) => [api, web].some((prefix) => isBelow(route, prefix)))
    if (kind === undefined) return
    const id = repoIdOf(request, kind.type)
    const { repos, moves } = hub.accounts
    const target = repos.find(id) === null ? moves.findTarget(id) : null
    // Who may not see it learns nothing of its names.
    if (target !== null && mayRead(await callerOf(hub, request), target)) throw repoMoved(addressOf(request, target))
  })
}

function isBelow(route: string, prefix: string): boolean {
  return route === prefix || route.startsWith(`${prefix}/`)
}

/** Relative: it holds whatever stands between the client and us. */
function addressOf(request: FastifyRequest, { namespace, name }: RepoId): string {
  const { ns, name: old } = request.params as { ns: string; name: string }
  const segments = request.url.split('/')
  const at = segments.findIndex((segment, i) => segment === ns && bare(segments[i + 1] ?? '') === bare(old))
  const tail = (segments[at + 1] ?? '').slice(bare(segments[at + 1] ?? '').length)
  return [...segments.slice(0, at), namespace, `${name}${tail}`, ...segments.slice(at + 2)].join('/')
}

/** Without `.git` and without a query behind it. */
function bare(segment: string): string {
  return (segment.split('?', 1)[0] ?? '').replace(/\.git$/, '')
}
