/**
 * A request whose body stands still, or comes at less than any line that is of use, is ended: Node's own limit is one on
 * the whole request, which would also end a slow but steady upload. Only the sender is judged: bytes that wait here
 * unread are our slowness, not the client's.
 */
import type { FastifyRequest } from 'fastify'

const CHECK_MS = 5_000

export interface BodyPace {
  /** No byte for so long. */
  readonly idleMs: number
  /** Fewer bytes than this in a window. */
  readonly windowMs: number
  readonly windowBytes: number
}

/** Watches until the body is whole; answers nothing, as the client is not listening. */
export function watchBody(request: FastifyRequest, { idleMs, windowMs, windowBytes }: BodyPace): void {
  const { raw } = request
  const { socket } = raw
  let seen = socket.bytesRead
  let idle = 0
  let windowStart = seen
  let window = 0
  const timer = setInterval(() => {
    if (raw.complete || raw.destroyed) return clearInterval(timer)
    const isOurs = raw.readableLength > 0
    const { bytesRead } = socket
    idle = isOurs || bytesRead !== seen ? 0 : idle + CHECK_MS
    window = isOurs ? 0 : window + CHECK_MS
    seen = bytesRead
    if (idle >= idleMs || (window >= windowMs && bytesRead - windowStart < windowBytes)) return void socket.destroy()
    if (window !== 0 && window < windowMs) return
    windowStart = bytesRead
    window = 0
  }, CHECK_MS)
  timer.unref()
  raw.once('close', () => clearInterval(timer))
}
