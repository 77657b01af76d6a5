/** Who the token belongs to, and the list of harnesses that some clients ask for at their start. */
import type { FastifyInstance } from 'fastify'
import type { Scope } from '../../../hub/caller.ts'
import { type HubService, signedIn } from './hub-service.ts'

/** Clients know these roles only. */
const ROLES: Readonly<Record<Scope, 'read' | 'write'>> = {
  read: 'read',
  write: 'write',
  admin: 'write',
  inference: 'read',
  metrics: 'read',
}

export function whoamiRoutes(app: FastifyInstance, hub: HubService): void {
  app.get('/api/whoami-v2', async (request) => {
    const { account, name, scope, tokenName } = await signedIn(hub, request)
    const token = hub.accounts.listTokens(name ?? '').find((one) => one.name === tokenName)
    return {
      type: 'user',
      id: account,
      name,
      fullname: name,
      emailVerified: true,
      canPay: false,
      isPro: false,
      avatarUrl: '',
      orgs: [],
      auth: {
        type: 'access_token',
        accessToken: {
          displayName: tokenName,
          role: ROLES[scope ?? 'read'],
          createdAt: new Date(token?.createdMs ?? 0).toISOString(),
        },
      },
    }
  })

  app.get('/api/agent-harnesses', async () => ({ standardEnvVars: [], harnesses: {} }))
}
