/**
 * A real HTTP server on loopback whose fault is named in the path: `/fault/NAME` answers a request for `bytes=0-39` of
 * a 100-byte thing (or any other request) in that wrong way. `/good` is the right answer, `/echo` tells what arrived.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Bytes 0 to 99 of what `/good` and the faults serve. */
export const THING = Uint8Array.from({ length: 100 }, (_, i) => (i * 7) & 0xff)

export interface FakeOrigin {
  readonly url: string
  /** Requests so far by path, in order. */
  readonly seen: readonly string[]
  close(): Promise<void>
}

type Handler = (request: IncomingMessage, response: ServerResponse, hit: number) => void

/** Writes the answer on the socket itself and ends it unless told to `hold`. */
function raw(head: readonly string[], body: Uint8Array | string = '', hold = false): Handler {
  return (_request, response) => {
    const { socket } = response
    socket?.write(`HTTP/1.1 ${head.join('\r\n')}\r\n\r\n`)
    socket?.write(body)
    if (!hold) socket?.end()
  }
}

const PART = THING.subarray(0, 40)
const RANGE_HEAD = ['206 Partial Content', 'Content-Range: bytes 0-39/100']
const hex = (bytes: Uint8Array) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

export const FAULTS: Readonly<Record<string, Handler>> = {
  'length-more-than-sent': raw([...RANGE_HEAD, 'Content-Length: 40'], THING.subarray(0, 20)),
  'chunked-without-end': raw([...RANGE_HEAD, 'Transfer-Encoding: chunked'], hex(PART)),
  'two-lengths': raw([...RANGE_HEAD, 'Content-Length: 40', 'Content-Length: 41'], PART),
  'gzip-label': raw([...RANGE_HEAD, 'Content-Length: 40', 'Content-Encoding: gzip'], PART),
  'chunked-ended-short': raw(
    [...RANGE_HEAD, 'Transfer-Encoding: chunked'],
    Buffer.concat([hex(THING.subarray(0, 20)), Buffer.from('0\r\n\r\n')]),
  ),
  'no-length-short': raw([...RANGE_HEAD, 'Connection: close'], THING.subarray(0, 20)),
  'other-range': raw(
    ['206 Partial Content', 'Content-Range: bytes 10-49/100', 'Content-Length: 40'],
    THING.subarray(10, 50),
  ),
  'no-content-range': raw(['206 Partial Content', 'Content-Length: 40'], PART),
  'bytes-of-no-range': raw(
    ['206 Partial Content', 'Content-Type: application/octet-stream', 'Content-Length: 40'],
    PART,
  ),
  'range-ignored': raw(['200 OK', 'Content-Length: 100'], THING),
  'length-less-than-sent': raw([...RANGE_HEAD, 'Content-Length: 10'], PART),
  'no-length-long': raw([...RANGE_HEAD, 'Connection: close'], THING),
  'html-in-place-of-bytes': raw(['200 OK', 'Content-Type: text/html', 'Content-Length: 21'], '<!doctype html><p>hi<'),
  'silent-before-headers': () => undefined,
  'silent-after-headers': raw([...RANGE_HEAD, 'Content-Length: 40'], '', true),
  'silent-after-bytes': raw([...RANGE_HEAD, 'Content-Length: 40'], PART.subarray(0, 7), true),
  'headers-of-1-mib': raw(['200 OK', `X-Long: ${'x'.repeat(1024 * 1024)}`, 'Content-Length: 0']),
  'json-100000-deep': raw(['200 OK', 'Content-Length: 200000'], '['.repeat(100_000) + ']'.repeat(100_000)),
  'json-cut': raw(['200 OK', 'Content-Length: 8'], '{"a":[1,'),
  '503-three-times': (_request, response, hit) => {
    response.writeHead(hit < 3 ? 503 : 200).end('{"hit":true}')
  },
  '500-three-times': (_request, response, hit) => {
    response.writeHead(hit < 3 ? 500 : 200).end('{"hit":true}')
  },
  '429-wait-1': (_request, response, hit) => {
    response.writeHead(hit < 1 ? 429 : 200, hit < 1 ? { 'retry-after': '1' } : {}).end('{"hit":true}')
  },
  '429-wait-99999999': (_request, response) => response.writeHead(429, { 'retry-after': '99999999' }).end(),
  '429-for-ever': (_request, response) => response.writeHead(429).end(),
  '413-before-body': (_request, response) => {
    response.writeHead(413, { connection: 'close', 'content-length': '2' }).end('{}')
  },
  'redirect-loop': (request, response) => response.writeHead(302, { location: request.url ?? '' }).end(),
  'redirect-to': (request, response) => {
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to') ?? ''
    response.writeHead(302, { location: to, 'content-length': '999999' })
    response.socket?.end(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`)
  },
}

const GOOD: Handler = (request, response) => {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  if (match === null) return void response.end(THING)
  const part = THING.subarray(Number(match[1]), Number(match[2]) + 1)
  response.writeHead(206, { 'content-range': `bytes ${match[1]}-${match[2]}/100`, 'content-length': part.length })
  response.end(part)
}

const ECHO: Handler = (request, response) => {
  const body: Uint8Array[] = []
  request.on('data', (piece: Uint8Array) => body.push(piece))
  request.on('end', () => {
    const { method, url, headers } = request
    response.end(JSON.stringify({ method, url, headers, bytes: Buffer.concat(body).length }))
  })
}

export async function startFakeOrigin(): Promise<FakeOrigin> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const hit = seen.filter((other) => other === path).length
    seen.push(path)
    const fault = FAULTS[path.replace('/fault/', '')]
    const handler = fault ?? (path === '/echo' ? ECHO : GOOD)
    handler(request, response, hit)
  })
  return { url: await listen(server), seen, close: () => closeServer(server) }
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
