/** Control of this server: its users and their tokens. Every route wants a token of scope `admin`. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Admin, parseScope } from '../../../actions/admin.ts'
import { AppError } from '../../../base/app-error.ts'
import { type Caller, hasScope } from '../../../hub/caller.ts'
import { readJson } from '../../guards/body.ts'

export interface AdminService {
  readonly admin: Admin
  callerOf(request: FastifyRequest): Promise<Caller>
}

const BODY_BYTES_MAX = 64 * 1024
const NEW_USER = z.object({ user: z.string(), scope: z.string().default('write') })
const NEW_TOKEN = NEW_USER.extend({ name: z.string().optional() })

export function adminRoutes(app: FastifyInstance, { admin, callerOf }: AdminService): void {
  app.addHook('preHandler', async (request) => {
    const caller = await callerOf(request)
    if (caller.name === null) throw new AppError('unauthorized', 'TOKEN_MISSING', 'This needs a token of scope admin')
    if (!hasScope(caller, 'admin'))
      throw new AppError('forbidden', 'SCOPE_MISSING', 'This needs a token of scope admin')
  })

  app.post('/users', async (request) => {
    const { user, scope } = await readJson(request, BODY_BYTES_MAX, NEW_USER)
    return admin.createUser(user, parseScope(scope))
  })

  app.post('/tokens', async (request) => {
    const { user, scope, name } = await readJson(request, BODY_BYTES_MAX, NEW_TOKEN)
    return admin.createToken(user, { scope: parseScope(scope), name })
  })

  app.get<{ Querystring: { user?: string } }>('/tokens', async (request) => admin.listTokens(request.query.user))

  app.delete<{ Params: { id: string } }>('/tokens/:id', async (request) => {
    await admin.revokeToken(request.params.id)
    return {}
  })
}
