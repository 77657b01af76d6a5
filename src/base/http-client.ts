/**
 * The one outbound HTTP client. Everything a library's fetch lets pass is checked here: lengths, ranges, encodings,
 * redirects, sizes, silence.
 *
 * - Proxies, authorities and HTTP/1.1 as http-dispatchers.ts sets them up.
 * - Redirects are followed here, at most 10, to http and https only, never from https to http; Authorization is
 *   dropped for good when the origin changes.
 * - A body ends exactly at its Content-Length, or the read throws. `range` gives exactly the bytes asked for.
 * - Only calls that may be repeated are: GET, HEAD, PUT, DELETE, and what the caller calls idempotent.
 * - Messages name method and address without query, since a query may be a signature. No header is ever logged.
 */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { AppError } from './app-error.ts'
import { BulkRanges } from './bulk-range.ts'
import { type ByteRange, formatRange } from './byte-range.ts'
import { checkedBody } from './checked-body.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Env } from './config.ts'
import { Deadline } from './deadline.ts'
import {
  badRedirect,
  checkHeaders,
  checkUrl,
  isLoopback,
  isRedirect,
  redirectTarget,
  withoutCredentials,
} from './http-address.ts'
import { JSON_BYTES_MAX, parseReply, readStart, readWhole } from './http-body.ts'
import { createDispatchers } from './http-dispatchers.ts'
import { connectionError, statusError } from './http-failure.ts'
import { checkRange, wrongRange } from './http-range.ts'
import { hesitating } from './http-upload.ts'
import { RateLimit } from './rate-limit.ts'
import { RETRY_POLICY, type RetryPolicy, withRetries } from './retry.ts'
import { sendBy } from './undici-parts.ts'

const REDIRECTS_MAX = 10
const ERROR_BODY_BYTES_MAX = 64 * 1024
const CONNECT_MS = 10_000
const IDLE_MS = 30_000

export interface HttpClientOptions {
  readonly env?: Env
  readonly caFile?: string | undefined
  readonly userAgent?: string
  readonly retry?: RetryPolicy
  readonly clock?: Clock
  /** Progress deadline: without a byte for so long a request ends. */
  readonly idleMs?: number
  /** Until a connection stands, encryption included. */
  readonly connectMs?: number | undefined
  /** For all bodies together, both ways. */
  readonly bytesPerSecond?: number | undefined
}

export interface HttpRequest {
  readonly url: string
  /** Default GET. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** A function is asked for a fresh stream at each attempt and needs `bodyLength`. */
  readonly body?: Uint8Array | string | (() => AsyncIterable<Uint8Array>) | undefined
  readonly bodyLength?: number | undefined
  /** A POST that may be sent twice. Others follow their method. */
  readonly idempotent?: boolean | undefined
  readonly idleMs?: number | undefined
  readonly totalMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Statuses of 400 and above that are answers here, not errors. */
  readonly accept?: readonly number[] | undefined
  /** Of `range`: an answer that does not say which range it is counts by its length. For bytes that are proved anyhow. */
  readonly unnamedRange?: boolean | undefined
}

export interface RangeWishes {
  /** Not over a connection that was used before, where there is no proxy. */
  readonly fresh?: boolean
  /** Bytes as they come, before there are enough for a piece. */
  readonly onBytes?: (bytes: number) => void
}

export interface HttpReply {
  readonly status: number
  /** Where the reply came from after redirects. */
  readonly url: string
  /** Method and address for messages. */
  readonly where: string
  /** Of the body; null when the reply does not say. */
  readonly length: number | null
  header(name: string): string | undefined
  /** Read it to the end or `close`; throws when it is cut, too long or silent. */
  readonly body: AsyncIterable<Uint8Array>
  close(): Promise<void>
}

export class HttpClient {
  /** By the environment's proxies. */
  readonly #outward: Dispatcher
  readonly #direct: Dispatcher
  readonly #bulk: BulkRanges
  /** Whether no proxy may be in between. */
  readonly #isDirect: (url: URL) => boolean
  readonly #options: HttpClientOptions
  readonly #clock: Clock
  readonly #limit: RateLimit | null

  constructor(options: HttpClientOptions = {}) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const { connectMs = CONNECT_MS } = options
    const { outward, direct, tls, hasProxy } = createDispatchers(options.env, options.caFile, connectMs)
    this.#outward = outward
    this.#direct = direct
    this.#bulk = new BulkRanges(tls, connectMs)
    this.#limit = options.bytesPerSecond === undefined ? null : new RateLimit(options.bytesPerSecond, this.#clock)
    this.#isDirect = (url) => !hasProxy || isLoopback(url)
  }

  /** Sends once (retrying as its kind allows) and gives the reply with its body unread; refused statuses throw. */
  async send(request: HttpRequest): Promise<HttpReply> {
    return this.#retrying(request, (again) => this.#attempt(again))
  }

  /** As `send`, and `read` consumes the reply inside the attempt, so that a broken body is retried too. */
  async exchange<T>(request: HttpRequest, read: (reply: HttpReply) => Promise<T>): Promise<T> {
    return this.#retrying(request, async (again) => {
      const reply = await this.#attempt(again)
      try {
        return await read(reply)
      } finally {
        await reply.close()
      }
    })
  }

  /** The reply's JSON, bounded in size and depth. The caller checks its shape. */
  async json(request: HttpRequest, limit = JSON_BYTES_MAX): Promise<{ value: unknown; reply: HttpReply }> {
    return this.exchange(request, async (reply) => {
      const bytes = await readWhole(reply.where, reply.body, limit)
      return { value: parseReply(reply.where, bytes), reply }
    })
  }

  /**
   * One attempt at exactly `range`: anything but 206 with this Content-Range and length throws. The bytes stream; the
   * caller decides where to go on after a break. By our own sockets where there is no proxy: a piece is valid until the
   * next one is asked for.
   */
  async *range(request: HttpRequest & RangeWishes, range: ByteRange): AsyncGenerator<Uint8Array> {
    const url = checkUrl(request.url)
    if (this.#isDirect(url)) {
      const where = `GET ${url.origin}${url.pathname}`
      const headers = { ...this.#commonHeaders(), ...checkHeaders(request.headers ?? {}) }
      const deadline = this.#startDeadline(where, request)
      const { fresh, onBytes } = request
      const bytes = await this.#bulk.open({ url, headers, range, where, deadline, fresh, onBytes })
      if (bytes !== null) return yield* this.#limit === null ? bytes : limited(bytes, this.#limit, request)
    }
    const headers = { ...request.headers, range: formatRange(range) }
    const reply = await this.#attempt({ ...request, headers })
    const wanted = range.end - range.start
    try {
      await checkRange(reply, range, request.unnamedRange)
      let got = 0
      for await (const piece of reply.body) {
        got += piece.length
        if (got > wanted) break
        request.onBytes?.(piece.length)
        yield piece
      }
      if (got !== wanted) throw wrongRange(reply.where, `${got} bytes in place of ${wanted}`)
    } finally {
      await reply.close()
    }
  }

  async close(): Promise<void> {
    this.#bulk.close()
    await Promise.all([this.#outward.destroy(), this.#direct.destroy()])
  }

  #retrying<T>(request: HttpRequest, task: (request: HttpRequest) => Promise<T>): Promise<T> {
    if (!(request.idempotent ?? request.method !== 'POST')) return task(request)
    const { retry = RETRY_POLICY } = this.#options
    const again = this.#again(request)
    let attempts = 0
    return withRetries(() => task(attempts++ === 0 ? request : again), {
      policy: retry,
      clock: this.#clock,
      signal: request.signal,
    })
  }

  #again(request: HttpRequest): HttpRequest {
    const { body, signal, accept = [] } = request
    // A DELETE whose answer was lost finds nothing when it comes again: it has worked.
    if (request.method === 'DELETE') return { ...request, accept: [...accept, 404] }
    return typeof body === 'function' ? { ...request, body: () => hesitating(body(), this.#clock, signal) } : request
  }

  async #attempt(request: HttpRequest): Promise<HttpReply> {
    let url = checkUrl(request.url)
    let headers = { ...checkHeaders(request.headers ?? {}) }
    let method = request.method ?? 'GET'
    let body = request.body
    for (let hops = 0; ; hops++) {
      const reply = await this.#once({ ...request, method, body }, url, headers)
      const location = isRedirect(reply.status) ? reply.header('location') : undefined
      if (location === undefined) return reply.status >= 400 ? this.#refuse(reply, request) : reply
      await reply.close()
      if (hops >= REDIRECTS_MAX) {
        const message = `${reply.where}: more than ${REDIRECTS_MAX} redirects`
        throw new AppError('upstream', 'REDIRECT_LOOP', message, { data: { permanent: true } })
      }
      const next = redirectTarget(reply.where, url, location)
      if (next.origin !== url.origin) headers = withoutCredentials(headers)
      if (reply.status < 307 && method !== 'GET' && method !== 'HEAD') {
        if (reply.status !== 303) throw badRedirect(reply.where, `a ${method} was redirected with ${reply.status}`)
        method = 'GET'
        body = undefined
      }
      url = next
    }
  }

  async #once(request: HttpRequest, url: URL, headers: Record<string, string>): Promise<HttpReply> {
    const where = `${request.method ?? 'GET'} ${url.origin}${url.pathname}`
    const deadline = this.#startDeadline(where, request)
    try {
      const dispatcher = isLoopback(url) ? this.#direct : this.#outward
      const reply = await sendBy(dispatcher, url, {
        method: request.method ?? 'GET',
        headers: {
          ...this.#commonHeaders(),
          ...headers,
          ...(request.bodyLength === undefined ? {} : { 'content-length': String(request.bodyLength) }),
        },
        body: bodyOf(request.body, deadline, this.#limit),
        signal: deadline.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      })
      const isHead = request.method === 'HEAD'
      return makeReply(reply, { where, url, deadline, isHead, limit: this.#limit })
    } catch (error) {
      deadline.close()
      throw deadline.signal.aborted ? deadline.signal.reason : connectionError(where, error)
    }
  }

  #startDeadline(what: string, { idleMs = this.#options.idleMs ?? IDLE_MS, totalMs, signal }: HttpRequest): Deadline {
    return new Deadline({ what, idleMs, totalMs, signal, clock: this.#clock })
  }

  #commonHeaders(): Record<string, string> {
    return { 'user-agent': this.#options.userAgent ?? 'xorbit', accept: '*/*', 'accept-encoding': 'identity' }
  }

  async #refuse(reply: HttpReply, request: HttpRequest): Promise<HttpReply> {
    if (request.accept?.includes(reply.status)) return reply
    try {
      const text = await readStart(reply.body, ERROR_BODY_BYTES_MAX)
      throw statusError(reply.where, { status: reply.status, header: reply.header, text }, this.#clock.nowMs())
    } finally {
      await reply.close()
    }
  }
}

interface ReplyContext {
  readonly where: string
  readonly url: URL
  readonly deadline: Deadline
  readonly isHead: boolean
  readonly limit: RateLimit | null
}

function makeReply(reply: Dispatcher.ResponseData, { where, url, deadline, isHead, limit }: ReplyContext): HttpReply {
  deadline.pause()
  const header = (name: string): string | undefined => {
    const value = reply.headers[name.toLowerCase()]
    return Array.isArray(value) ? value.join(', ') : value
  }
  const length = header('content-length') === undefined ? null : Number(header('content-length'))
  const close = async () => {
    deadline.close()
    if (!reply.body.readableEnded && !reply.body.destroyed) {
      // What destroy reports was our own doing.
      reply.body.on('error', () => deadline.pause()).destroy()
    }
  }
  const body = checkedBody(reply.body, {
    where,
    deadline,
    limit,
    length: isHead ? null : length,
    encoding: header('content-encoding'),
  })
  return { status: reply.statusCode, url: url.href, where, length, header, body, close }
}

async function* limited(
  bytes: AsyncGenerator<Uint8Array>,
  limit: RateLimit,
  { signal, onBytes }: HttpRequest & RangeWishes,
) {
  for await (const piece of bytes) {
    await limit.take(piece.length, signal, () => onBytes?.(0))
    yield piece
  }
}

/** Large bodies go in pieces, so that a slow link is seen as progress. */
function bodyOf(body: HttpRequest['body'], deadline: Deadline, limit: RateLimit | null) {
  if (typeof body !== 'function') return body ?? null
  return Readable.from(touching(body(), deadline, limit), { objectMode: false })
}

async function* touching(source: AsyncIterable<Uint8Array>, deadline: Deadline, limit: RateLimit | null) {
  for await (const piece of source) {
    deadline.touch()
    await limit?.take(piece.length, deadline.signal, () => deadline.touch())
    yield piece
  }
  deadline.touch()
}

/** A body in memory as a stream of pieces, for `HttpRequest.body`. */
export function pieces(bytes: Uint8Array, length = 256 * 1024): () => AsyncIterable<Uint8Array> {
  return async function* () {
    for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
  }
}
