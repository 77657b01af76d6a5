/**
 * An HTTP proxy on loopback that passes everything on to one server, except what a test makes it tell otherwise.
 *
 * The Host header stays that of the client, so addresses that the server writes lead through this proxy too.
 */
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http'

export interface Exchange {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly requestHeaders: IncomingHttpHeaders
}

export interface Answer {
  status: number
  headers: Record<string, string>
  body: Buffer
}

/** Changes an answer, or gives another one; `null` ends the connection without an answer. */
export type Lie = (exchange: Exchange, answer: Answer) => Answer | null

export class LyingProxy {
  lie: Lie
  readonly exchanges: (Exchange & { readonly status: number; readonly bytes: number })[] = []
  readonly #server: Server
  readonly #target: URL

  private constructor(target: string, lie: Lie) {
    this.#target = new URL(target)
    this.lie = lie
    this.#server = createServer((request, reply) => {
      const exchange = { method: request.method ?? 'GET', path: request.url ?? '/', requestHeaders: request.headers }
      const { hostname, port } = this.#target
      const onward = httpRequest(
        { host: hostname, port, method: exchange.method, path: exchange.path, headers: request.headers },
        (answer) => {
          const parts: Buffer[] = []
          answer.on('error', () => reply.destroy())
          answer.on('data', (part: Buffer) => parts.push(part))
          answer.on('end', () => {
            const headers = Object.fromEntries(
              Object.entries(answer.headers).map(([name, value]) => [
                name,
                Array.isArray(value) ? value.join(', ') : `${value}`,
              ]),
            )
            this.#reply(exchange, { status: answer.statusCode ?? 502, headers, body: Buffer.concat(parts) }, reply)
          })
        },
      )
      onward.on('error', () => reply.destroy())
      request.pipe(onward)
    })
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

  #reply(exchange: Exchange, answer: Answer, reply: import('node:http').ServerResponse): void {
    const told = this.lie(exchange, answer)
    if (told === null) {
      reply.destroy()
      return
    }
    this.exchanges.push({ ...exchange, status: told.status, bytes: told.body.length })
    const headers: Record<string, string | number> = { ...told.headers }
    delete headers['transfer-encoding']
    if (exchange.method !== 'HEAD') headers['content-length'] = told.body.length
    reply.writeHead(told.status, headers).end(told.body)
  }
}
