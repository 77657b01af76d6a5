/**
 * An HTTP proxy on loopback that passes everything on to one server, except what a test makes it tell otherwise.
 *
 * The Host header stays that of the client, so addresses that the server writes lead through this proxy too.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { systemClock } from '../../src/base/clock.ts'

export interface Exchange {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly requestHeaders: IncomingHttpHeaders
  /** When it came, by the clock for durations. */
  readonly atMs: number
}

export interface Answer {
  status: number
  headers: Record<string, string>
  body: Buffer
  /** Sends the answer in its own way, such as not to the end. */
  deliver?: (reply: ServerResponse) => void
}

/** Answers before the request is passed on, or read; true when it did. */
export type Intercept = (exchange: Exchange, reply: ServerResponse, request: IncomingMessage) => boolean

/** Changes an answer, or gives another one; `null` ends the connection without an answer. */
export type Lie = (exchange: Exchange, answer: Answer) => Answer | null

export class LyingProxy {
  lie: Lie
  /** Called before a request is passed on. */
  onRequest: ((exchange: Exchange) => Promise<void>) | null = null
  intercept: Intercept | null = null
  readonly exchanges: (Exchange & { readonly status: number; readonly bytes: number })[] = []
  readonly #server: Server
  readonly #target: URL

  private constructor(target: string, lie: Lie) {
    this.#target = new URL(target)
    this.lie = lie
    this.#server = createServer((request, reply) => void this.#serve(request, reply))
  }

  static async start(target: string, lie: Lie = (_exchange, answer) => answer): Promise<LyingProxy> {
    const proxy = new LyingProxy(target, lie)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen')
    return `http://127.0.0.1:${address.port}`
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = request
    const exchange = { method, path, requestHeaders: headers, atMs: systemClock.monotonicMs() }
    await this.onRequest?.(exchange)
    if (this.intercept?.(exchange, reply, request)) return
    const { hostname, port } = this.#target
    const onward = httpRequest({ host: hostname, port, method, path, headers }, (answer) => {
      const parts: Buffer[] = []
      answer.on('error', () => reply.destroy())
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => {
        const told = { status: answer.statusCode ?? 502, headers: textHeaders(answer), body: Buffer.concat(parts) }
        this.#reply(exchange, told, reply)
      })
    })
    onward.on('error', () => reply.destroy())
    request.pipe(onward)
  }

  #reply(exchange: Exchange, answer: Answer, reply: ServerResponse): void {
    const told = this.lie(exchange, answer)
    if (told === null) {
      reply.destroy()
      return
    }
    this.exchanges.push({ ...exchange, status: told.status, bytes: told.body.length })
    if (told.deliver !== undefined) {
      told.deliver(reply)
      return
    }
    const headers: Record<string, string | number> = { ...told.headers }
    delete headers['transfer-encoding']
    if (exchange.method !== 'HEAD') headers['content-length'] = told.body.length
    reply.writeHead(told.status, headers).end(told.body)
  }
}

function textHeaders({ headers }: IncomingMessage): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : `${value}`,
  ])
  return Object.fromEntries(entries) as Record<string, string>
}
