/** The LFS API of every repository, with and without `.git` behind its name, in its own dress of errors. */
import type { FastifyInstance } from 'fastify'
import { httpStatusOf, toAppError } from '../../../base/error-table.ts'
import type { HubService } from '../hub/hub-service.ts'
import { followMoves } from '../hub/moved.ts'
import { batchRoutes } from './batch.ts'
import { objectRoutes } from './objects.ts'

export const LFS_TYPE = 'application/vnd.git-lfs+json'

export function lfsRoutes(app: FastifyInstance, hub: HubService): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = toAppError(thrown)
    if (error.kind === 'bug') hub.log.error({ id: request.id, err: error }, 'LFS request failed by a bug')
    if (reply.raw.headersSent) return void reply.raw.destroy()
    const status = httpStatusOf(error)
    reply.headers((error.data.headers as Record<string, string> | undefined) ?? {})
    if (status === 401) reply.header('lfs-authenticate', 'Basic realm="xorbit"')
    if (typeof error.data.hubCode === 'string') reply.header('x-error-code', error.data.hubCode)
    // Half a body that nobody reads must not be taken for the next request.
    if (!request.raw.complete) reply.header('connection', 'close')
    const message = error.kind === 'bug' ? 'Internal error' : error.message
    reply.header('x-error-message', message.replace(/[^\x20-\x7e]/g, '?').slice(0, 500))
    return reply
      .code(status)
      .type(LFS_TYPE)
      .send(JSON.stringify({ message, code: error.code, request_id: request.id }))
  })
  followMoves(app, hub)
  batchRoutes(app, hub)
  objectRoutes(app, hub)
}
