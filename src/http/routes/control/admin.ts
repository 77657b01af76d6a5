/** Control of this server: users, organisations, tokens, the audit log. Every route wants a token of scope `admin`. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Admin, parseRole, parseScope } from '../../../actions/admin.ts'
import { AppError } from '../../../base/app-error.ts'
import { type Caller, hasScope } from '../../../hub/caller.ts'
import { readJson } from '../../guards/body.ts'
import { SMALL_BODY_BYTES_MAX } from '../../limits.ts'
import { limitOf } from '../hub/repo-path.ts'

export interface AdminService {
  /** Administration in the name of whoever sent the request. */
  adminFor(caller: Caller, request: FastifyRequest): Admin
  callerOf(request: FastifyRequest): Promise<Caller>
}

const AUDIT_PAGE_MAX = 1_000

export const NEW_USER = z.object({ user: z.string(), scope: z.string().default('write') })
export const NEW_TOKEN = NEW_USER.extend({
  name: z.string().optional(),
  repos: z.array(z.string().max(250)).optional(),
  days: z.number().optional(),
})
export const NEW_ORG = z.object({ org: z.string() })
export const NEW_MEMBER = z.object({ user: z.string(), role: z.string().default('read') })

type Ask = (request: FastifyRequest) => Promise<Admin>

export function adminRoutes(app: FastifyInstance, { adminFor, callerOf }: AdminService): void {
  app.addHook('preHandler', async (request) => requireAdmin(await callerOf(request)))
  const ask: Ask = async (request) => adminFor(await callerOf(request), request)
  userRoutes(app, ask)
  orgRoutes(app, ask)
  tokenRoutes(app, ask)
  app.get<{ Querystring: Record<string, string> }>('/audit', async (request) => {
    const { since, after, limit } = request.query
    const page = { sinceMs: numberOf(since, 'since'), after: numberOf(after, 'after') }
    return (await ask(request)).listAudit({ ...page, count: limitOf(limit, AUDIT_PAGE_MAX) })
  })
}

function userRoutes(app: FastifyInstance, ask: Ask): void {
  app.post('/users', async (request) => {
    const { user, scope } = await readJson(request, SMALL_BODY_BYTES_MAX, NEW_USER)
    return (await ask(request)).createUser(user, parseScope(scope))
  })

  app.get('/users', async (request) => (await ask(request)).listUsers())

  app.delete<{ Params: { user: string } }>('/users/:user', async (request) => {
    await (await ask(request)).removeUser(request.params.user)
    return {}
  })
}

function orgRoutes(app: FastifyInstance, ask: Ask): void {
  app.post('/orgs', async (request) => {
    const { org } = await readJson(request, SMALL_BODY_BYTES_MAX, NEW_ORG)
    await (await ask(request)).createOrg(org)
    return {}
  })

  app.get('/orgs', async (request) => (await ask(request)).listOrgs())

  app.delete<{ Params: { org: string } }>('/orgs/:org', async (request) => {
    await (await ask(request)).removeOrg(request.params.org)
    return {}
  })

  app.post<{ Params: { org: string } }>('/orgs/:org/members', async (request) => {
    const { user, role } = await readJson(request, SMALL_BODY_BYTES_MAX, NEW_MEMBER)
    await (await ask(request)).setMember({ org: request.params.org, user, role: parseRole(role) })
    return {}
  })

  app.delete<{ Params: { org: string; user: string } }>('/orgs/:org/members/:user', async (request) => {
    await (await ask(request)).removeMember(request.params)
    return {}
  })
}

function tokenRoutes(app: FastifyInstance, ask: Ask): void {
  app.post('/tokens', async (request) => {
    const { user, scope, ...wishes } = await readJson(request, SMALL_BODY_BYTES_MAX, NEW_TOKEN)
    return (await ask(request)).createToken(user, { scope: parseScope(scope), ...wishes })
  })

  app.get<{ Querystring: { user?: string } }>('/tokens', async (request) =>
    (await ask(request)).listTokens(request.query.user),
  )

  app.delete<{ Params: { id: string } }>('/tokens/:id', async (request) => {
    await (await ask(request)).revokeToken(request.params.id)
    return {}
  })
}

export function requireAdmin(caller: Caller): void {
  const message = 'This needs a token of scope admin'
  if (caller.name === null) throw new AppError('unauthorized', 'TOKEN_MISSING', message)
  if (!hasScope(caller, 'admin')) throw new AppError('forbidden', 'SCOPE_MISSING', message)
}

function numberOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new AppError('usage', 'CURSOR_INVALID', `${name} is a whole number`)
  return Number(text)
}
