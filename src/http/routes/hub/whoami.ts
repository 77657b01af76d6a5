/** Who the token belongs to, and the list of harnesses that some clients ask for at their start. */
import type { FastifyInstance } from 'fastify'
import type { Caller, Scope } from '../../../hub/caller.ts'
import { parseTypedRepoId } from '../../../hub/repo-id.ts'
import type { TokenInfo } from '../../../hub/tokens.ts'
import { type HubService, signedIn } from './hub-service.ts'

/** Clients know these roles only, and `fineGrained`. */
const ROLES: Readonly<Record<Scope, 'read' | 'write'>> = {
  read: 'read',
  write: 'write',
  admin: 'write',
  inference: 'read',
  metrics: 'read',
}

export function whoamiRoutes(app: FastifyInstance, hub: HubService): void {
  app.get('/api/whoami-v2', async (request) => {
    const caller = await signedIn(hub, request)
    const name = caller.name ?? ''
    const owner = hub.accounts.findOwner(name)
    const token = hub.accounts.listTokens(name).find((one) => one.name === caller.tokenName)
    const isPerson = owner?.kind === 'user'
    return {
      type: isPerson ? 'user' : 'org',
      id: owner?.id,
      name: owner?.name,
      fullname: owner?.name,
      emailVerified: true,
      canPay: false,
      isPro: false,
      avatarUrl: '',
      orgs: isPerson ? orgsOf(hub, name) : [],
      auth: { type: 'access_token', accessToken: token === undefined ? null : tokenJson(hub, caller, token) },
    }
  })

  app.get('/api/agent-harnesses', async () => ({ standardEnvVars: [], harnesses: {} }))
}

function orgsOf({ accounts }: HubService, user: string) {
  return accounts.listMemberships(user).map(({ id, org, role }) => ({
    ...{ type: 'org', id, name: org, fullname: org, roleInOrg: role },
    ...{ isEnterprise: false, canPay: false, avatarUrl: '' },
  }))
}

function tokenJson(hub: HubService, { scope }: Caller, { name, createdMs, expiresMs, repos }: TokenInfo) {
  const role = ROLES[scope ?? 'read']
  return {
    displayName: name,
    role: repos === null ? role : 'fineGrained',
    createdAt: new Date(createdMs).toISOString(),
    ...(expiresMs === null ? {} : { expiresAt: new Date(expiresMs).toISOString() }),
    ...(repos === null
      ? {}
      : { fineGrained: { canReadGatedRepos: false, global: [], scoped: scoped(hub, repos, role) } }),
  }
}

function scoped({ accounts }: HubService, repos: readonly string[], role: 'read' | 'write') {
  const permissions = role === 'write' ? ['repo.content.read', 'repo.write'] : ['repo.content.read']
  return repos.map((name) => {
    const id = parseTypedRepoId(name)
    const entity = { _id: accounts.repos.find(id)?.id, type: id.type, name: `${id.namespace}/${id.name}` }
    return { entity, permissions }
  })
}
