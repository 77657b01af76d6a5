/**
 * A request whose body stands still is ended: Node's own limit is one on the whole request, which would also end a slow
 * but steady upload. Only the sender is judged: bytes that wait here unread are our slowness, not the client's.
 */
import type { FastifyRequest } from 'fastify'

const CHECK_MS = 5_000

/** Watches until the body is whole; answers nothing, as the client is not listening. */
export function watchBody(request: FastifyRequest, idleMs: number): void {
  const { raw } = request
  const { socket } = raw
  let seen = socket.bytesRead
  let idle = 0
  const timer = setInterval(() => {
    if (raw.complete || raw.destroyed) return clearInterval(timer)
    if (socket.bytesRead !== seen || raw.readableLength > 0) {
      seen = socket.bytesRead
      idle = 0
      return
    }
    idle += CHECK_MS
    if (idle >= idleMs) socket.destroy()
  }, CHECK_MS)
  timer.unref()
  raw.once('close', () => clearInterval(timer))
}
