/**
 * One HTTP request exactly as a test spells it: path and headers are not normalised, an answer that comes before the
 * body is read is seen, and the time is bounded.
 */

import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'

export interface SendOptions {
  readonly method?: string
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** An object is sent as JSON. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array> | Readonly<Record<string, unknown>>
  readonly timeoutMs?: number
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Whether the body came to its announced end. */
  readonly complete: boolean
  json(): Record<string, unknown>
}

export function send(origin: string, path: string, options: SendOptions = {}): Promise<Reply> {
  const { hostname, port } = new URL(origin)
  const { body, token } = options
  const headers: Record<string, string | string[]> = { ...options.headers }
  if (token) headers.authorization = `Bearer ${token}`
  const streamed = typeof body === 'object' && Symbol.asyncIterator in body
  const bytes = streamed || body === undefined ? null : bytesOf(body as Exclude<typeof body, AsyncIterable<Uint8Array>>)
  if (bytes !== null) headers['content-length'] ??= String(bytes.length)
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: hostname, port, path, method: options.method ?? 'GET', headers, agent: false })
    let answered = false
    request.setTimeout(options.timeoutMs ?? 30_000, () => request.destroy(new Error(`No answer from ${path}`)))
    request.on('response', (answer) => {
      answered = true
      readReply(answer).then(resolve, reject)
    })
    // A server may answer and close before it has read the body.
    const onError = (error: Error) => {
      if (answered) return
      error.message = `${options.method ?? 'GET'} ${path}: ${error.message}`
      reject(error)
    }
    request.on('error', onError)
    if (streamed) writeAll(request, body as AsyncIterable<Uint8Array>).catch(onError)
    else request.end(bytes ?? undefined)
  })
}

function bytesOf(body: Uint8Array | string | Readonly<Record<string, unknown>>): Uint8Array {
  if (body instanceof Uint8Array) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

async function writeAll(request: ClientRequest, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of body) {
    if (request.destroyed) return
    if (!request.write(piece)) await untilWritable(request)
  }
  request.end()
}

function untilWritable(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      request.off('drain', done).off('close', done)
      resolve()
    }
    request.once('drain', done).once('close', done)
  })
}

async function readReply(answer: IncomingMessage): Promise<Reply> {
  const parts: Buffer[] = []
  let complete = true
  try {
    for await (const part of answer) parts.push(part as Buffer)
  } catch (error) {
    complete = false
    answer.destroy(error as Error)
  }
  const body = Buffer.concat(parts)
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    body,
    complete: complete && answer.complete,
    json: () => JSON.parse(body.toString() || '{}') as Record<string, unknown>,
  }
}

/** Writes these bytes to a socket and returns all that comes back until it closes or the time is over. */
export async function sendRaw(origin: string, bytes: string | Uint8Array, waitMs = 3_000): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connect({ host: hostname, port: Number(port) })
  const parts: Buffer[] = []
  const closed = new Promise<void>((resolve) => {
    socket.on('data', (part) => parts.push(part))
    socket.on('close', () => resolve())
    // A reset after the answer is one of the legal ends.
    socket.on('error', () => resolve())
    socket.setTimeout(waitMs, () => socket.destroy())
  })
  socket.write(bytes)
  await closed
  return Buffer.concat(parts).toString('latin1')
}
