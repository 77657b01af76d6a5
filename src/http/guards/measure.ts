/** Counts requests, their time and their bytes, for `/metrics`. Labels are routes and methods, never addresses or names. */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.ts'
import type { Metrics } from '../../base/metrics.ts'
import { toAnswer } from '../error-reply.ts'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export function addMeasures(app: FastifyInstance, metrics: Metrics, clock: Clock): void {
  const requests = metrics.counter('xorbit_http_requests_total', 'Requests that were answered or ended')
  const seconds = metrics.histogram(
    'xorbit_http_request_seconds',
    'Time from headers to the end of the answer',
    SECONDS,
  )
  const received = metrics.counter('xorbit_http_received_bytes_total', 'Bytes of requests, as read from sockets')
  const sent = metrics.counter('xorbit_http_sent_bytes_total', 'Bytes of answers, as written to sockets')
  const bugs = metrics.counter('xorbit_bugs_total', 'Requests that failed by a bug of this program: see the log')
  /** What earlier requests of a connection have read: a small body comes along with its headers. */
  const readBefore = new WeakMap<object, number>()
  let open = 0
  let uploads = 0
  metrics.gauge('xorbit_http_requests_open', 'Requests being answered now', () => open)
  metrics.gauge('xorbit_uploads_open', 'Requests whose body is still coming', () => uploads)

  app.addHook('onError', async ({ routeOptions }, _reply, error) => {
    if (toAnswer(error).kind === 'bug') bugs.add({ route: routeOptions.url ?? 'none' })
  })
  app.addHook('onRequest', async ({ raw, routeOptions, method }, reply) => {
    const { socket } = raw
    const start = { ms: clock.monotonicMs(), read: readBefore.get(socket) ?? 0, written: socket.bytesWritten }
    open++
    if (hasBody(raw)) {
      uploads++
      raw.once('close', () => uploads--)
    }
    reply.raw.once('close', () => {
      open--
      const route = routeOptions.url ?? 'none'
      requests.add({ method, route, status: reply.raw.headersSent ? String(reply.raw.statusCode) : 'cut' })
      seconds.observe({ method, route }, (clock.monotonicMs() - start.ms) / 1000)
      received.add({ route }, Math.max(socket.bytesRead - start.read, 0))
      readBefore.set(socket, socket.bytesRead)
      sent.add({ route }, Math.max(socket.bytesWritten - start.written, 0))
    })
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
