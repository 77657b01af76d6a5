/** Gated repositories: who may read, who asks to, and who decides. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import { checkFiles, checkMeant, checkRead, checkWrite } from '../../../hub/access.ts'
import { type AccessRequest, REQUEST_STATUSES } from '../../../hub/access-requests.ts'
import { hasScope } from '../../../hub/caller.ts'
import { lacksScope } from '../../../hub/hub-error.ts'
import { formatRepoId, type RepoType } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { readJson } from '../../guards/body.ts'
import { SMALL_BODY_BYTES_MAX } from '../../limits.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService, signedIn } from './hub-service.ts'
import { pageOf, REPO_ROUTES, repoIdOf } from './repo-path.ts'

const PAGE_COUNT = 100
const HANDLE = z.object({
  user: z.string().nullish(),
  userId: z.string().nullish(),
  requestId: z.string().nullish(),
  status: z.enum(REQUEST_STATUSES),
  rejectionReason: z.string().max(1_000).nullish(),
})
const GRANT = z.object({ user: z.string().nullish(), userId: z.string().nullish() })

export function accessRequestRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api, web } of REPO_ROUTES) {
    app.get(`${api}/auth-check`, async (request) => {
      const caller = await callerOf(hub, request)
      checkFiles(hub.accounts, caller, await hub.reader.getRepo(caller, repoIdOf(request, type)))
      return {}
    })
    app.get(`${api}/auth-check/write`, async (request) => {
      const caller = await callerOf(hub, request)
      checkWrite(caller, await hub.reader.getRepo(caller, repoIdOf(request, type)))
      return {}
    })
    for (const route of [`${api}/ask-access`, `${web}/ask-access`]) {
      app.post(route, async (request) => ({ status: await ask(hub, request, type) }))
    }
    listRoutes(app, hub, { type, api })
    decideRoutes(app, hub, { type, api })
  }
}

function listRoutes(app: FastifyInstance, hub: HubService, { type, api }: { type: RepoType; api: string }): void {
  for (const status of REQUEST_STATUSES) {
    const route = `${api}/user-access-request/${status}`
    app.get<{ Querystring: { p?: string } }>(route, async (request, reply) => {
      const repo = await gatedRepo(hub, request, type)
      const page = pageOf(request.query.p)
      const range = { skip: page * PAGE_COUNT, count: PAGE_COUNT + 1 }
      const found = hub.accounts.requests.list(repo.id, status, range)
      if (found.length > PAGE_COUNT) {
        const [path] = request.url.split('?', 1)
        reply.header('link', `<${originOf(request)}${path}?p=${page + 1}>; rel="next"`)
      }
      return found.slice(0, PAGE_COUNT).map(requestJson)
    })
  }
}

function decideRoutes(app: FastifyInstance, hub: HubService, { type, api }: { type: RepoType; api: string }): void {
  const { requests } = hub.accounts
  app.post(`${api}/user-access-request/handle`, async (request) => {
    const repo = await gatedRepo(hub, request, type)
    const body = await readJson(request, SMALL_BODY_BYTES_MAX, HANDLE)
    const { account, status: before } = findRequest(hub, repo, body)
    if (before === body.status) {
      throw new AppError('conflict', 'ACCESS_REQUEST_STATUS', `The request is ${before} already`)
    }
    requests.put(repo.id, account, { status: body.status, reason: body.rejectionReason ?? null })
    return {}
  })
  app.post(`${api}/user-access-request/grant`, async (request) => {
    const repo = await gatedRepo(hub, request, type)
    const body = await readJson(request, SMALL_BODY_BYTES_MAX, GRANT)
    const account = accountOf(hub, body)
    if (requests.isLetIn(repo.id, account)) {
      throw new AppError('usage', 'ACCESS_GRANTED_ALREADY', 'The user may read the files already')
    }
    requests.put(repo.id, account, { status: 'accepted', reason: null })
    return {}
  })
}

/** For whom may decide about a repository that is gated. */
async function gatedRepo(hub: HubService, request: FastifyRequest, type: RepoType): Promise<RepoRecord> {
  const caller = await signedIn(hub, request)
  const repo = checkWrite(caller, await hub.reader.getRepo(caller, repoIdOf(request, type)))
  if (repo.gated !== null) return repo
  throw new AppError('usage', 'REPO_NOT_GATED', `${formatRepoId(repo)} is not gated: everyone who sees it may read it`)
}

/** What became of asking: at once `accepted` where asking is enough. */
async function ask(hub: HubService, request: FastifyRequest, type: RepoType): Promise<string> {
  const caller = await signedIn(hub, request)
  if (!hasScope(caller, 'read')) throw lacksScope(caller, 'ask for access')
  const repo = checkRead(caller, await hub.reader.getRepo(caller, repoIdOf(request, type)))
  if (repo.gated === null) return 'accepted'
  checkMeant(caller, repo, 'ask for access')
  const { requests } = hub.accounts
  const known = requests.find(repo.id, { account: caller.user })
  // Who was refused stays refused until a writer decides otherwise.
  if (known !== null && !(known.status === 'pending' && repo.gated === 'auto')) return known.status
  const status = repo.gated === 'auto' ? 'accepted' : 'pending'
  requests.put(repo.id, caller.user ?? '', { status, reason: null })
  return status
}

function findRequest(hub: HubService, repo: RepoRecord, body: z.infer<typeof HANDLE>): AccessRequest {
  const { requests } = hub.accounts
  const wanted = body.requestId ? { id: body.requestId } : { account: accountOf(hub, body) }
  const found = requests.find(repo.id, wanted)
  if (found === null) throw new AppError('not-found', 'ACCESS_REQUEST_UNKNOWN', 'There is no such request for access')
  return found
}

function accountOf({ accounts }: HubService, { user, userId }: z.infer<typeof GRANT>): string {
  if (user) return accounts.getUser(user).id
  const known = userId ? accounts.findUserById(userId) : null
  if (known === null) throw new AppError('not-found', 'USER_UNKNOWN', 'The request names no user of this server')
  return known.id
}

function requestJson({ id, account, user, status, reason, createdMs }: AccessRequest) {
  return {
    requestId: id,
    user: { _id: account, user, fullname: user },
    status,
    timestamp: new Date(createdMs).toISOString(),
    ...(reason === null ? {} : { rejectionReason: reason }),
  }
}
