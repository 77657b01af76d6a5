/** What belongs to a user: their repositories with their sizes, and what others see of them. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { checkNamespace, visibilityFor } from '../../../hub/access.ts'
import type { Caller } from '../../../hub/caller.ts'
import { formatRepoId, REPO_TYPES, type RepoType } from '../../../hub/repo-id.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService, signedIn } from './hub-service.ts'
import { spaceFacts } from './info.ts'
import { pageOf, REPO_ROUTES, repoIdOf } from './repo-path.ts'

const PAGE_COUNT = 500
const COUNT_MAX = 10_000

export function namespaceRoutes(app: FastifyInstance, hub: HubService): void {
  app.get('/api/settings/repositories', async (request, reply) => {
    const caller = await signedIn(hub, request)
    const { repos, next } = ownRepos(hub, request, { caller, namespace: caller.name ?? '' })
    if (next !== null) reply.header('link', `<${next}>; rel="next"`)
    return repos
  })
  app.get<{ Params: { ns: string } }>('/api/organizations/:ns/settings/repositories', async (request, reply) => {
    const caller = await signedIn(hub, request)
    const { ns } = request.params
    checkNamespace(caller, { type: 'model', namespace: ns, name: '' }, `see the repositories of ${ns.slice(0, 100)}`)
    const { repos, next } = ownRepos(hub, request, { caller, namespace: ns })
    if (next !== null) reply.header('link', `<${next}>; rel="next"`)
    return repos
  })
  app.get<{ Params: { name: string } }>('/api/users/:name/overview', async (request) => {
    await callerOf(hub, request)
    const { id, name, createdMs } = hub.accounts.getUser(request.params.name)
    const [numModels, numDatasets, numSpaces] = REPO_TYPES.map((type) => countOf(hub, type, name))
    return {
      ...{ _id: id, user: name, fullname: name, avatarUrl: '', isPro: false, type: 'user' },
      ...{ numModels, numDatasets, numSpaces, numDiscussions: 0, numLikes: 0, numFollowers: 0, numFollowing: 0 },
      ...{ orgs: [], createdAt: new Date(createdMs).toISOString() },
    }
  })
  for (const list of ['followers', 'following', 'likes']) {
    app.get<{ Params: { name: string } }>(`/api/users/:name/${list}`, async (request) => {
      hub.accounts.getUser(request.params.name)
      return []
    })
  }
  const [, , space] = REPO_ROUTES
  app.get(`${space?.api}/runtime`, async (request) => {
    const caller = await callerOf(hub, request)
    return spaceFacts(await hub.reader.getRepo(caller, repoIdOf(request, 'space'))).runtime
  })
}

const ALL = { search: [], tags: [], pipeline: null, gated: null, parameters: null } as const

function ownRepos(
  hub: HubService,
  request: FastifyRequest,
  { caller, namespace }: { caller: Caller; namespace: string },
) {
  const page = pageOf((request.query as { p?: string }).p)
  const found = REPO_TYPES.flatMap((type) => {
    const query = {
      ...ALL,
      type,
      author: namespace,
      ...visibilityFor(caller),
      sort: 'modified',
      ascending: false,
    } as const
    return hub.accounts.facts.list({ ...query, after: null, count: COUNT_MAX }).repos
  })
  const total = found.reduce((sum, { facts }) => sum + (facts?.bytes ?? 0), 0)
  const repos = found.slice(page * PAGE_COUNT, (page + 1) * PAGE_COUNT).map(({ repo, facts }) => ({
    ...{ id: formatRepoId(repo), type: repo.type, visibility: repo.private ? 'private' : 'public' },
    updatedAt: new Date(facts?.modifiedMs ?? repo.createdMs).toISOString(),
    storage: facts?.bytes ?? 0,
    storagePercent: total === 0 ? 0 : ((facts?.bytes ?? 0) / total) * 100,
  }))
  const more = found.length > (page + 1) * PAGE_COUNT
  return { repos, next: more ? `${originOf(request)}${request.url.split('?', 1)[0]}?p=${page + 1}` : null }
}

/** Of those that everyone sees. */
function countOf(hub: HubService, type: RepoType, author: string): number {
  const query = { ...ALL, type, author, namespaces: [], sort: 'created', ascending: false } as const
  return hub.accounts.facts.list({ ...query, after: null, count: COUNT_MAX }).repos.length
}
