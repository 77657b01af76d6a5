/**
 * A client that takes nothing of its answer holds a file, memory and a place for ever. Node tells when nothing moved on a
 * connection for as long as `connectionTimeout`; an answer that we are still making is no fault of the client.
 */
import type { FastifyInstance } from 'fastify'

/** Needs the server's `connectionTimeout`; a connection without a request is ended by Node itself. */
export function dropStalledReaders(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw: { socket } }, reply) => {
    reply.raw.on('timeout', () => {
      if (socket.writableLength > 0) socket.destroy()
    })
  })
}
