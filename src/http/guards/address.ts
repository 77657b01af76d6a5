/**
 * Where a request comes from. A socket forgets its address when it closes, and a client may be gone before its request
 * is looked at, or before what it asked for is done: so it is kept from when the connection opens.
 */
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'

const known = new WeakMap<Socket, string>()

export function keepAddresses(app: FastifyInstance): void {
  app.server.on('connection', (socket) => known.set(socket, socket.remoteAddress ?? ''))
}

/** Empty for who was gone before the connection was taken. */
export function addressOf({ raw, ip }: FastifyRequest): string {
  return known.get(raw.socket) ?? ip ?? ''
}
