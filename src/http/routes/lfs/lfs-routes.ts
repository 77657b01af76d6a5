/** The LFS API of every repository, with and without `.git` behind its name, in its own dress of errors. */
import type { FastifyInstance } from 'fastify'
import { httpStatusOf, toAppError } from '../../../base/error-table.ts'
import { type Dress, replyError } from '../../error-reply.ts'
import type { HubService } from '../hub/hub-service.ts'
import { followMoves } from '../hub/moved.ts'
import { batchRoutes } from './batch.ts'
import { objectRoutes } from './objects.ts'

export const LFS_TYPE = 'application/vnd.git-lfs+json'

const LFS_DRESS: Dress = {
  type: LFS_TYPE,
  body: ({ code }, message, request) => ({ message, code, request_id: request.id }),
}

export function lfsRoutes(app: FastifyInstance, hub: HubService): void {
  app.setErrorHandler((thrown, request, reply) => {
    if (httpStatusOf(toAppError(thrown)) === 401) reply.header('lfs-authenticate', 'Basic realm="xorbit"')
    replyError(thrown, request, reply, hub.log, LFS_DRESS)
  })
  followMoves(app, hub)
  batchRoutes(app, hub)
  objectRoutes(app, hub)
}
