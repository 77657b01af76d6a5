/**
 * Byte ranges over sockets of our own: HTTP/1.1, one request at a time a connection, the body read straight into blocks
 * of a quarter of a megabyte. A quarter of the CPU that the library takes, which is most of what a fast pull spends on
 * its network.
 *
 * It speaks the one answer that matters: 206, of exactly the range asked for, with a length and no encoding. For anything
 * else it drops the connection and says null, and the library asks again: redirects, refusals and odd servers are its.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { type ByteRange, formatRange, parseContentRange } from './byte-range.ts'
import type { Deadline } from './deadline.ts'
import { connectionError } from './http-failure.ts'

/** Small enough that a few stay in the processor's cache until they are worked on. */
const BLOCK_BYTES = 256 * 1024
const HEAD_BYTES_MAX = 64 * 1024
/** Filled and not yet taken; then the socket is not read. */
const BLOCKS_WAITING_MAX = 1
/** Taken, and perhaps still looked at. */
const BLOCKS_TAKEN_MAX = 1
const RESTING_PER_ORIGIN_MAX = 16
const SINGLE_FIELDS = new Set([
  'content-length',
  'content-range',
  'content-encoding',
  'transfer-encoding',
  'connection',
])
const HEAD_END = Buffer.from('\r\n\r\n')

export interface BulkRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly range: ByteRange
  /** Method and address for messages. */
  readonly where: string
  /** Ours to close. */
  readonly deadline: Deadline
  /** Over a connection that nothing was asked on yet. */
  readonly fresh?: boolean | undefined
  /** Bytes of the body as they come. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

export class BulkRanges {
  readonly #tls: ConnectionOptions
  readonly #connectMs: number
  readonly #resting = new Map<string, BulkConnection[]>()

  constructor(tls: ConnectionOptions, connectMs: number) {
    this.#tls = tls
    this.#connectMs = connectMs
  }

  /**
   * The range's bytes, all of them or an error; null when the answer is not one of ours. A piece is valid until the next
   * one is asked for: its memory is used again.
   */
  async open(request: BulkRequest): Promise<AsyncGenerator<Uint8Array> | null> {
    const { deadline, where } = request
    let connection: BulkConnection | null = null
    try {
      connection = await this.#ask(request)
      return connection === null ? null : this.#read(connection, request)
    } catch (error) {
      throw failureOf(error, deadline, where)
    } finally {
      if (connection === null) deadline.close()
    }
  }

  async #ask(request: BulkRequest): Promise<BulkConnection | null> {
    const { url, deadline } = request
    for (;;) {
      deadline.signal.throwIfAborted()
      const rested = request.fresh === true ? undefined : this.#resting.get(url.origin)?.pop()
      const connection = rested ?? this.#connect(url)
      const answer = await connection.ask(request)
      if (answer === 'right') return connection
      connection.destroy()
      deadline.signal.throwIfAborted()
      if (answer === 'other') return null
      // One that rested may have been closed by the other side meanwhile.
      if (rested === undefined) throw connection.failure
    }
  }

  #connect(url: URL): BulkConnection {
    return new BulkConnection((onread) => {
      const socket = openSocket(url, this.#tls, onread)
      const late = Object.assign(new Error(`no connection in ${this.#connectMs / 1000} s`), { code: 'ETIMEDOUT' })
      const timer = setTimeout(() => socket.destroy(late), this.#connectMs)
      for (const event of [url.protocol === 'https:' ? 'secureConnect' : 'connect', 'close']) {
        socket.once(event, () => clearTimeout(timer))
      }
      return socket
    })
  }

  close(): void {
    for (const connections of this.#resting.values()) for (const connection of connections) connection.destroy()
    this.#resting.clear()
  }

  async *#read(connection: BulkConnection, { url, deadline, where }: BulkRequest): AsyncGenerator<Uint8Array> {
    let isDone = false
    try {
      for (;;) {
        deadline.touch()
        const block = await connection.take(deadline.signal)
        deadline.pause()
        if (block === null) break
        yield block
      }
      isDone = true
    } catch (error) {
      throw failureOf(error, deadline, where)
    } finally {
      deadline.close()
      const resting = this.#resting.get(url.origin) ?? []
      this.#resting.set(url.origin, resting)
      if (isDone && connection.isReusable && resting.length < RESTING_PER_ORIGIN_MAX) resting.push(connection)
      else connection.destroy()
    }
  }
}

function failureOf(error: unknown, { signal }: Deadline, where: string): unknown {
  return signal.aborted ? signal.reason : connectionError(where, error)
}

interface OnRead {
  buffer(): Uint8Array
  /** False stops reading until `resume`. */
  callback(bytes: number): boolean
}

function openSocket(url: URL, tls: ConnectionOptions, onread: OnRead): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const common = { host, onread, noDelay: true }
  if (url.protocol === 'http:') return connectPlain({ ...common, port: Number(url.port || 80) })
  const servername = isIP(host) === 0 ? { servername: host } : {}
  return connectTls({ ...tls, ...common, ...servername, port: Number(url.port || 443), ALPNProtocols: ['http/1.1'] })
}

class BulkConnection {
  failure = new Error('other side closed')
  /** After the last block: another request may follow. */
  isReusable = false
  readonly #socket: Socket
  #state: 'resting' | 'head' | 'body' = 'resting'
  #answer: 'right' | 'other' | 'closed' | null = null
  #request: BulkRequest | null = null
  /** What is being filled: a head, or a part of the body. The socket asks for it after each read, so it changes only then. */
  #block: Uint8Array
  #filled = 0
  /** Bytes of the body for which no block was begun. */
  #unread = 0
  readonly #blocks: Uint8Array[] = []
  /** Those taken last, the oldest first, and those that nobody looks at any more: memory for the next ones. */
  readonly #taken: Uint8Array[] = []
  readonly #spare: Uint8Array[] = []
  readonly #head = Buffer.allocUnsafeSlow(HEAD_BYTES_MAX)
  #wake: () => void = () => undefined

  constructor(open: (onread: OnRead) => Socket) {
    this.#block = this.#head
    this.#socket = open({
      buffer: () => this.#block.subarray(this.#filled),
      callback: (bytes) => this.#onBytes(bytes),
    })
    this.#socket.on('error', (error) => {
      this.failure = error
    })
    this.#socket.once('end', () => this.#socket.destroy())
    this.#socket.once('close', () => {
      this.#answer ??= 'closed'
      this.#wake()
    })
  }

  /** Sends the request and reads the head of the answer. */
  async ask(request: BulkRequest): Promise<'right' | 'other' | 'closed'> {
    if (this.#socket.destroyed) return 'closed'
    this.#request = request
    this.#answer = null
    this.#state = 'head'
    this.#socket.ref()
    this.#socket.write(formatRequest(request))
    this.#socket.resume()
    await this.#until(request.deadline.signal, () => this.#answer !== null)
    return this.#answer ?? 'closed'
  }

  /** The next piece of the body, once `ask` said that it is right; null at its end. Throws when it ends early. */
  async take(signal: AbortSignal): Promise<Uint8Array | null> {
    if (this.#taken.length >= BLOCKS_TAKEN_MAX) this.#reuse(this.#taken.shift() as Uint8Array)
    await this.#until(signal, () => this.#blocks.length > 0 || this.#state === 'resting')
    const block = this.#blocks.shift()
    if (block !== undefined) {
      this.#socket.resume()
      this.#taken.push(block)
      return block
    }
    if (this.#state !== 'resting') return this.#takeLast()
    this.#socket.unref()
    this.#taken.length = 0
    this.#spare.length = 0
    return null
  }

  #reuse(block: Uint8Array): void {
    this.#spare.push(new Uint8Array(block.buffer))
  }

  /** What came of a block before the connection broke; then the reason. */
  #takeLast(): Uint8Array {
    if (this.#state !== 'body' || this.#filled === 0) throw this.failure
    const last = this.#block.subarray(0, this.#filled)
    this.#filled = 0
    return last
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** An abort destroys the socket, which ends the waiting. */
  async #until(signal: AbortSignal, isDone: () => boolean): Promise<void> {
    if (isDone()) return
    const onAbort = () => this.#socket.destroy()
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    while (!isDone() && !this.#socket.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    signal.removeEventListener('abort', onAbort)
  }

  #onBytes(bytes: number): boolean {
    this.#filled += bytes
    this.#request?.deadline.touch()
    this.#request?.onBytes?.(bytes)
    if (this.#state === 'head') this.#onHead()
    else if (this.#state === 'body') this.#onBody()
    // Nothing was asked.
    else this.#socket.destroy()
    return this.#blocks.length < BLOCKS_WAITING_MAX
  }

  #onHead(): void {
    const bytes = this.#block.subarray(0, this.#filled)
    const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(HEAD_END)
    if (end < 0 && this.#filled < HEAD_BYTES_MAX) return
    const range = this.#request?.range as ByteRange
    const length = range.end - range.start
    const first = bytes.subarray(end + HEAD_END.length)
    const head = end < 0 ? null : parseHead(bytes.subarray(0, end))
    const isRight = head !== null && isAnswer(head, range) && first.length <= length
    this.#answer = isRight ? 'right' : 'other'
    if (isRight) {
      this.isReusable = !/\bclose\b/i.test(head.get('connection') ?? '')
      this.#state = 'body'
      this.#unread = length
      this.#begin(first)
      this.#onBody()
    }
    this.#wake()
  }

  #onBody(): void {
    if (this.#filled < this.#block.length) return
    this.#blocks.push(this.#block)
    if (this.#unread > 0) this.#begin(new Uint8Array(0))
    else {
      this.#state = 'resting'
      this.#block = this.#head
      this.#filled = 0
    }
    this.#wake()
  }

  #begin(first: Uint8Array): void {
    const length = Math.min(BLOCK_BYTES, this.#unread)
    this.#block = (this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)).subarray(0, length)
    this.#unread -= this.#block.length
    this.#block.set(first)
    this.#filled = first.length
  }
}

function formatRequest({ url, headers, range }: BulkRequest): string {
  const lines = Object.entries({ ...headers, range: formatRange(range) }).map(([name, value]) => `${name}: ${value}`)
  return [`GET ${url.pathname}${url.search} HTTP/1.1`, `host: ${url.host}`, ...lines, '', ''].join('\r\n')
}

/** Header fields by name in small letters; null unless it is 206 and every line a field that comes once. */
function parseHead(bytes: Uint8Array): Map<string, string> | null {
  const [status = '', ...lines] = Buffer.from(bytes).toString('latin1').split('\r\n')
  if (!/^HTTP\/1\.1 206( |$)/.test(status)) return null
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\0\r\n]*)$/.exec(line) ?? []
    const key = name.toLowerCase()
    if (name === '' || (fields.has(key) && SINGLE_FIELDS.has(key))) return null
    fields.set(key, value.trim())
  }
  return fields
}

function isAnswer(head: ReadonlyMap<string, string>, range: ByteRange): boolean {
  const given = parseContentRange(head.get('content-range'))
  const isWhole = head.get('content-length') === String(range.end - range.start)
  const isPlain = (head.get('content-encoding') ?? 'identity') === 'identity' && !head.has('transfer-encoding')
  return isWhole && isPlain && given?.start === range.start && given.end === range.end
}
