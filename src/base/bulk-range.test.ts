import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { BulkRanges } from './bulk-range.ts'
import { systemClock } from './clock.ts'
import { Deadline } from './deadline.ts'

const CONTENT = Buffer.alloc(3_000_000, 'some content of thirty-one bytes')
const bulk = new BulkRanges({}, 10_000)
let server: Server | HttpServer | null = null
afterEach(async () => {
  bulk.close()
  const closing = server
  server = null
  if (closing === null) return
  if ('closeAllConnections' in closing) closing.closeAllConnections()
  await new Promise((resolve) => closing.close(resolve))
})

async function listening(made: Server | HttpServer): Promise<string> {
  server = made
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`
}

const serving = (listener: RequestListener) => listening(createHttpServer(listener))

/** Sees each connection and writes whatever it likes. */
const servingRaw = (onRequest: (socket: Socket, request: string, hit: number) => void) => {
  let hits = 0
  return listening(
    createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.on('data', (bytes) => onRequest(socket, bytes.toString(), hits++))
    }),
  )
}

function ask(
  origin: string,
  range: { start: number; end: number },
  options: { idleMs?: number; signal?: AbortSignal },
) {
  const deadline = new Deadline({ what: 'GET x', idleMs: 5000, clock: systemClock, ...options })
  return bulk.open({ url: new URL('/thing?a=1', origin), headers: { 'x-a': 'b' }, range, where: 'GET x', deadline })
}

async function read(origin: string, start: number, end: number, options = {}): Promise<Buffer | null> {
  const bytes = await ask(origin, { start, end }, options)
  if (bytes === null) return null
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(Uint8Array.from(piece))
  return Buffer.concat(pieces)
}

const answer: RequestListener = ({ headers }, response) => {
  const [start = 0, last = 0] = (headers.range ?? '').replace('bytes=', '').split('-').map(Number)
  const body = CONTENT.subarray(start, last + 1)
  response.writeHead(206, {
    'content-range': `bytes ${start}-${last}/${CONTENT.length}`,
    'content-length': body.length,
  })
  response.end(body)
}

const HEAD = 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/99\r\nContent-Length: 10\r\n'

test('gives exactly the bytes of a range, of any length, over one connection', async () => {
  const sockets = new Set<unknown>()
  const origin = await serving((request, response) => {
    sockets.add(request.socket)
    expect([request.url, request.headers['x-a']]).toEqual(['/thing?a=1', 'b'])
    answer(request, response)
  })
  for (const [start, end] of [
    [0, 1],
    [7, 524_288],
    [5, 524_293],
    [0, CONTENT.length],
  ] as const) {
    expect((await read(origin, start, end))?.equals(CONTENT.subarray(start, end))).toBe(true)
  }
  expect(sockets.size).toBe(1)
})

test('several at once have a connection each', async () => {
  const origin = await serving(answer)
  const all = await Promise.all(Array.from({ length: 6 }, (_, i) => read(origin, i * 1000, 2_000_000 + i)))
  expect(all.map((bytes) => bytes?.length)).toEqual(Array.from({ length: 6 }, (_, i) => 2_000_000 - i * 999))
})

test('a connection that the server closed while it rested is opened anew', async () => {
  const origin = await servingRaw((socket) => socket.end(`${HEAD}\r\n0123456789`))
  expect(await read(origin, 0, 10)).toEqual(Buffer.from('0123456789'))
  expect(await read(origin, 0, 10)).toEqual(Buffer.from('0123456789'))
})

test('a resting connection on which bytes come is not used again', async () => {
  const sockets: Socket[] = []
  const origin = await servingRaw((socket, _request, hit) => {
    sockets.push(socket)
    socket.write(`${HEAD}\r\n${hit === 0 ? '0123456789' : 'abcdefghij'}`)
  })
  expect(await read(origin, 0, 10)).toEqual(Buffer.from('0123456789'))
  await new Promise((resolve) => sockets[0]?.once('close', resolve).write('HTTP/1.1 206 Injected\r\n'))
  expect(await read(origin, 0, 10)).toEqual(Buffer.from('abcdefghij'))
  expect(sockets[1]).not.toBe(sockets[0])
})

test('a head that comes byte by byte is read', async () => {
  const origin = await servingRaw((socket) => {
    socket.setNoDelay(true)
    for (const byte of `${HEAD}\r\n0123456789`) socket.write(byte)
  })
  expect(await read(origin, 0, 10)).toEqual(Buffer.from('0123456789'))
})

test.each([
  ['another status', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'],
  ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/1.0', `${HEAD.replace('1.1', '1.0')}\r\n`],
  ['another range', `${HEAD.replace('0-9', '1-10')}\r\n`],
  ['another length', `${HEAD.replace('Length: 10', 'Length: 11')}\r\n`],
  ['two lengths', `${HEAD}Content-Length: 10\r\n\r\n`],
  ['chunks', `${HEAD}Transfer-Encoding: chunked\r\n\r\n`],
  ['gzip', `${HEAD}Content-Encoding: gzip\r\n\r\n`],
  ['a folded line', `${HEAD}X-A: b\r\n c\r\n\r\n`],
  ['no field', `${HEAD}nonsense\r\n\r\n`],
  ['a space before the colon', `${HEAD}X-A : b\r\n\r\n`],
  ['more than the body', `${HEAD}\r\n0123456789extra`],
  ['a head without end', `${HEAD}X-A: ${'x'.repeat(70_000)}`],
])('%s is left to the library', async (_what, head) => {
  const origin = await servingRaw((socket) => socket.write(head))
  expect(await read(origin, 0, 10)).toBeNull()
})

test('a body that breaks off gives what came, then the reason', async () => {
  const origin = await servingRaw((socket) => socket.write(`${HEAD}\r\n01234`, () => socket.destroy()))
  const bytes = await ask(origin, { start: 0, end: 10 }, {})
  expect((await bytes?.next())?.value?.toString()).toBe('01234')
  await expect(bytes?.next()).rejects.toMatchObject({ kind: 'network' })
})

test('silence before the head, or within the body, ends by the deadline', async () => {
  const silent = await servingRaw(() => undefined)
  await expect(read(silent, 0, 10, { idleMs: 100 })).rejects.toMatchObject({ kind: 'timeout', code: 'NO_PROGRESS' })
  const half = await servingRaw((socket) => socket.write(`${HEAD}\r\n01234`))
  await expect(read(half, 0, 10, { idleMs: 100 })).rejects.toMatchObject({ kind: 'timeout', code: 'NO_PROGRESS' })
})

test('an abort ends it at once, and whoever stops reading leaves no connection', async () => {
  const stop = new AbortController()
  const origin = await serving(answer)
  const bytes = await ask(origin, { start: 0, end: CONTENT.length }, { signal: stop.signal })
  await bytes?.next()
  stop.abort()
  await expect(
    (async () => {
      for (;;) if ((await bytes?.next())?.done) return
    })(),
  ).rejects.toMatchObject({ kind: 'cancelled' })
  const left = await ask(origin, { start: 0, end: CONTENT.length }, {})
  await left?.next()
  await left?.return(undefined)
  const http = server as HttpServer
  await expect.poll(() => new Promise((resolve) => http.getConnections((_error, count) => resolve(count)))).toBe(0)
})
