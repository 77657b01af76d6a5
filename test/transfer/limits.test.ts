/** What a user allows a transfer, measured from outside: at a proxy between the client and a real server. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { pull } from '../../src/actions/pull.ts'
import { push } from '../../src/actions/push.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { systemClock } from '../../src/base/clock.ts'
import { HttpClient } from '../../src/base/http-client.ts'
import { silentLog } from '../../src/base/log.ts'
import { limitFlags } from '../../src/cli/transfer-flags.ts'
import type { TransferEvent } from '../../src/transfer/progress.ts'
import type { TransferLimits } from '../../src/transfer/transfer-limits.ts'
import { noise } from '../farm/fake-hub.ts'

const CONTENT = noise(9_000_000)
const XORB = /\/v1\/xorbs\//

let folder: string
let server: RunningServer
let proxy: Server
let token = ''
/** Of requests for xorbs. */
const seen = { inside: 0, most: 0, count: 0 }
/** Answers in place of the server while it returns true. */
let refuse: (response: ServerResponse) => boolean = () => false
/** How long an answer is held back. */
let holdMs = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-limits-'))
  const home = join(folder, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
  token = (await readFile(join(home, 'run', 'token'), 'utf8')).trim()
  proxy = createServer((from, to) => void pass(from, to))
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  await writeFile(join(folder, 'model.bin'), CONTENT)
  await run('push', 'ann/pulled', {}, { memoryBytes: 1 })
})
afterEach(() => {
  refuse = () => false
  holdMs = 0
})
afterAll(async () => {
  proxy.closeAllConnections()
  await new Promise((resolve) => proxy.close(resolve))
  await server.stop()
  await rm(folder, { recursive: true })
})

async function pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
  const isXorb = XORB.test(from.url ?? '')
  if (isXorb) {
    seen.count++
    seen.most = Math.max(seen.most, ++seen.inside)
    to.once('close', () => seen.inside--)
    if (holdMs > 0) await systemClock.sleep(holdMs)
    if (refuse(to)) return void from.resume()
  }
  const { port } = new URL(server.url)
  // The Host header passes, so that addresses which the server makes lead here too.
  const { method, url: path, headers } = from
  const onward = request({ host: '127.0.0.1', port, method, path, headers }, (reply) => {
    to.writeHead(reply.statusCode ?? 500, reply.headers)
    reply.pipe(to)
  })
  onward.on('error', () => to.destroy())
  to.once('close', () => onward.destroy())
  from.pipe(onward)
}

let runs = 0
async function run(verb: 'pull' | 'push', repo: string, more: object, limits: TransferLimits) {
  Object.assign(seen, { most: 0, count: 0 })
  const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const env = { HOME: folder, HF_HOME: join(folder, `hf${runs++}`), HF_ENDPOINT: endpoint, HF_TOKEN: token }
  const begun = systemClock.monotonicMs()
  if (verb === 'pull') {
    const { snapshot } = await pull({ env, ref: repo, limits, ...more })
    expect((await readFile(join(snapshot, 'model.bin'))).equals(CONTENT)).toBe(true)
  } else await push({ env, repo, paths: [join(folder, 'model.bin')], limits, ...more })
  return systemClock.monotonicMs() - begun
}

test('connections: so many ranges at a time and no more', async () => {
  holdMs = 60
  await run('pull', 'ann/pulled', {}, {})
  expect(seen.most).toBeGreaterThan(1)
  await run('pull', 'ann/pulled', {}, { connections: 1 })
  expect(seen.most).toBe(1)
})

test('memory: small xorbs and one range at a time', async () => {
  holdMs = 30
  await run('pull', 'ann/pulled', {}, { memoryBytes: 1 })
  expect(seen.most).toBe(1)
  // 9 MB in xorbs of 1 MiB.
  expect(seen.count).toBeGreaterThanOrEqual(9)
})

test('rate: a pull and a push take as long as the bytes must', async () => {
  expect(await run('pull', 'ann/pulled', {}, { bytesPerSecond: 4_000_000 })).toBeGreaterThan(1900)
  await writeFile(join(folder, 'model.bin'), noise(9_000_000, 9))
  expect(await run('push', 'ann/slow', {}, { bytesPerSecond: 4_000_000 })).toBeGreaterThan(1900)
  await writeFile(join(folder, 'model.bin'), CONTENT)
}, 60_000)

test('time: what takes longer ends, and the next pull goes on', async () => {
  const target = { localDir: join(folder, 'timed') }
  const slow = run('pull', 'ann/pulled', target, { bytesPerSecond: 2_000_000, maxTimeMs: 1500 })
  await expect(slow).rejects.toMatchObject({ kind: 'timeout', code: 'TOOK_TOO_LONG' })
  await run('pull', 'ann/pulled', target, {})
}, 60_000)

test('a wish for patience is kept, and told', async () => {
  let refusals = 0
  refuse = (response) => {
    // Once to our own sockets, once to the library.
    if (refusals++ >= 2) return false
    response.writeHead(429, { 'retry-after': '1', 'content-length': 0 }).end()
    return true
  }
  const waits: TransferEvent[] = []
  const onProgress = (event: TransferEvent) => event.event === 'wait' && waits.push(event)
  expect(await run('pull', 'ann/pulled', { onProgress }, { connections: 1 })).toBeGreaterThan(1000)
  expect(waits).toMatchObject([{ event: 'wait', seconds: 1 }])
})

test('connect: an address where nobody answers is given up in time, by either client', async () => {
  const silent: Socket[] = []
  const listener = createTcpServer((socket) => silent.push(socket))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const http = new HttpClient({ env: {}, connectMs: 300, retry: { ...NEVER } })
  const url = `https://127.0.0.1:${(listener.address() as AddressInfo).port}/`
  const begun = systemClock.monotonicMs()
  await expect(http.json({ url })).rejects.toMatchObject({ kind: expect.stringMatching(/timeout|network/) })
  await expect(http.range({ url }, { start: 0, end: 9 }).next()).rejects.toMatchObject({ kind: 'timeout' })
  expect(systemClock.monotonicMs() - begun).toBeLessThan(5000)
  await http.close()
  for (const socket of silent) socket.destroy()
  await new Promise((resolve) => listener.close(resolve))
})
const NEVER = { retries: 0, firstMs: 1, factor: 1, capMs: 1, retryAfterMsMax: 1 }

test('flags are read as people write them', () => {
  const flags = { connections: '3', limitRate: '1.5M', connectTimeout: '2.5', maxTime: '60', maxMemory: '64MiB' }
  expect(limitFlags(flags).limits).toEqual({
    connections: 3,
    bytesPerSecond: 1.5 * 2 ** 20,
    connectMs: 2500,
    maxTimeMs: 60_000,
    memoryBytes: 2 ** 26,
  })
  expect(limitFlags({ limitRate: '500k', maxMemory: '1g' }).limits).toMatchObject({
    bytesPerSecond: 512_000,
    memoryBytes: 2 ** 30,
  })
  for (const bad of [
    { limitRate: 'fast' },
    { maxTime: '0' },
    { maxTime: '1M' },
    { maxMemory: '-1' },
    { connections: '0' },
  ]) {
    expect(() => limitFlags(bad)).toThrow(expect.objectContaining({ code: 'FLAG_INVALID' }))
  }
})
