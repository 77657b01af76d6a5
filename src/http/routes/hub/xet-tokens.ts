/** The way into the CAS: its address and a token, in headers for Python and in the body for the others. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { mintCasToken } from '../../../cas/cas-token.ts'
import { checkFiles } from '../../../hub/access.ts'
import type { Caller } from '../../../hub/caller.ts'
import type { RepoType } from '../../../hub/repo-id.ts'
import { callerOf, casAccountOf, casUrlFor, type HubService } from './hub-service.ts'
import { opensPull, REPO_ROUTES, repoIdOf, revisionPathOf } from './repo-path.ts'

/** Long enough for one token a snapshot; clients renew it by themselves. */
export const CAS_TOKEN_SECONDS = 30 * 60

export function xetTokenRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    for (const scope of ['read', 'write'] as const) {
      const route = `${api}/xet-${scope}-token`
      app.get(`${route}/*`, async (request, reply) => {
        const caller = await authorize(hub, request, { type, scope, route })
        return sendToken(hub, request, reply, { caller, scope })
      })
    }
  }
}

async function authorize(
  hub: HubService,
  request: FastifyRequest,
  { type, scope, route }: { type: RepoType; scope: 'read' | 'write'; route: string },
): Promise<Caller> {
  const caller = await callerOf(hub, request)
  const { revision } = revisionPathOf(request, route)
  const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
  // Uploads may go to a branch that is still to be made.
  if (scope === 'write') hub.pulls.checkCommit(caller, repo, { revision, openPull: opensPull(request) })
  else {
    checkFiles(hub.accounts, caller, repo)
    // Python prints None where it has no revision yet.
    if (revision !== 'None') await hub.reader.at(caller, repo, revision)
  }
  return caller
}

function sendToken(
  hub: HubService,
  request: FastifyRequest,
  reply: FastifyReply,
  grantee: { caller: Caller; scope: 'read' | 'write' },
) {
  const grant = grantCas(hub, request, grantee)
  reply.headers({
    'x-xet-cas-url': grant.casUrl,
    'x-xet-access-token': grant.accessToken,
    'x-xet-token-expiration': grant.exp,
    'cache-control': 'no-store',
  })
  return grant
}

/** For a caller whose right was checked. */
export function grantCas(
  hub: HubService,
  request: FastifyRequest,
  { caller, scope }: { caller: Caller; scope: 'read' | 'write' },
) {
  // Never longer than the token it was got with.
  const endSeconds = caller.expiresMs === null ? Number.POSITIVE_INFINITY : Math.floor(caller.expiresMs / 1000)
  const exp = Math.min(hub.clock.nowSeconds() + CAS_TOKEN_SECONDS, endSeconds)
  const account = casAccountOf(caller)
  const claims = { account, scope, epoch: hub.epoch.current(), expirySeconds: exp, grant: caller.tokenId }
  return { casUrl: casUrlFor(hub, request, caller), exp, accessToken: mintCasToken(hub.casTokenKey, claims) }
}
