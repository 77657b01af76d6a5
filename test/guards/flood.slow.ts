/** Clients that hold what they do not use, and bodies without end, at the real server with its real limits. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectionsFor } from '../../src/app/connection-limit.ts'
import { systemClock } from '../../src/base/clock.ts'
import { HEADERS_MS, LATE_CHECK_MS, SENDER_WINDOW_MS, WINDOW_BYTES_MIN } from '../../src/http/limits.ts'
import { send } from '../farm/http-send.ts'
import { cleanEnvironment, HubProcess, ROOT } from '../farm/hub-process.ts'

const MIB = 1 << 20
/** What a client waits at most while others misbehave. */
const SERVED_MS = 5_000
const MEMORY_GROWTH_MAX = 300 * MIB
let folder = ''
let hub: HubProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-flood-'))
  hub = await HubProcess.start(folder)
  const body = { name: 'x', organization: 'admin', type: 'model' }
  expect((await send(hub.url, '/api/repos/create', { method: 'POST', token: hub.adminToken, body })).status).toBe(200)
})
afterAll(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})

async function servedIn(): Promise<number> {
  const begun = systemClock.monotonicMs()
  const reply = await send(hub.url, '/admin/x/resolve/main/.gitattributes', { token: hub.adminToken })
  expect(reply.status).toBe(200)
  return systemClock.monotonicMs() - begun
}

test('10,000 connections that ask for nothing: others are served, and all of them are ended in time', async () => {
  const files = Number(execFileSync('bash', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }))
  const count = Math.min(10_000, Number.isNaN(files) ? 10_000 : connectionsFor(files) - 100)
  const script = join(ROOT, 'test/guards/idle-clients.ts')
  const env = cleanEnvironment(folder)
  const child = spawn(process.execPath, [script, hub.url, String(count)], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const before = hub.memory().now
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value as string) as Record<string, number>
  expect(await next()).toEqual({ open: count })
  const waits: number[] = []
  for (let i = 0; i < 20; i++) waits.push(await servedIn())
  const grown = (hub.memory().now - before) / count
  const { ended, answered, longestMs } = await next()
  await closed
  const figures = `served in at most ${Math.round(Math.max(...waits))} ms, ${Math.round(grown)} bytes a connection, ${answered} told 408, the last ended after ${Math.round(longestMs ?? 0)} ms`
  process.stdout.write(`${count} idle connections: ${figures}\n`)
  expect(Math.max(...waits)).toBeLessThan(SERVED_MS)
  expect(ended).toBe(count)
  // Ending ten thousand takes its time beside their sender on two cores.
  expect(longestMs).toBeLessThan(HEADERS_MS + LATE_CHECK_MS + 10_000)
})

/** Sends pieces at intervals until the end of the body or of the connection; gives the answer, and how long it took. */
async function upload(body: Buffer, { bytes, everyMs }: { bytes: number; everyMs: number }) {
  const { hostname, port } = new URL(hub.url)
  const socket = connect(Number(port), hostname)
  const parts: Buffer[] = []
  socket.on('data', (part) => parts.push(part))
  socket.on('error', () => socket.destroy())
  const head = [
    'POST /api/models/admin/x/commit/main HTTP/1.1',
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${hub.adminToken}`,
    'Content-Type: application/x-ndjson',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ]
  const begun = systemClock.monotonicMs()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  for (let at = 0; at < body.length && !socket.destroyed; at += bytes) {
    socket.write(body.subarray(at, at + bytes))
    await systemClock.sleep(everyMs)
  }
  await closed
  return { answer: Buffer.concat(parts).toString('latin1').split('\r\n', 1)[0], ms: systemClock.monotonicMs() - begun }
}

test('a body of a byte a second is ended after its window, one of 1 Mbit/s goes on for longer than that', async () => {
  const lines = [
    { key: 'header', value: { summary: 'slow' } },
    { key: 'file', value: { path: 'slow.txt', content: 'x'.repeat(9 * MIB), encoding: 'utf-8' } },
  ]
  const body = Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n'))
  const megabit = { bytes: 12_500, everyMs: 100 }
  const [crawling, steady] = await Promise.all([upload(body, { bytes: 1, everyMs: 1_000 }), upload(body, megabit)])
  process.stdout.write(
    `1 byte/s ended after ${Math.round(crawling.ms)} ms, 1 Mbit/s taken in ${Math.round(steady.ms)} ms\n`,
  )
  expect(crawling.answer).toBe('')
  expect(crawling.ms).toBeGreaterThan(SENDER_WINDOW_MS)
  expect(crawling.ms).toBeLessThan(SENDER_WINDOW_MS + 20_000)
  expect(WINDOW_BYTES_MIN).toBeGreaterThan((SENDER_WINDOW_MS / 1_000) * 1)
  expect(steady.answer).toBe('HTTP/1.1 200 OK')
  expect(steady.ms).toBeGreaterThan(SENDER_WINDOW_MS + 5_000)
})

const HEADER = `${JSON.stringify({ key: 'header', value: { summary: 'large' } })}\n`

async function* lineWithoutEnd(bytes: number): AsyncIterable<Uint8Array> {
  yield Buffer.from(`${HEADER}{"key":"file","value":{"path":"a","content":"`)
  const piece = Buffer.alloc(MIB, 'x')
  for (let sent = 0; sent < bytes; sent += MIB) yield piece
}

async function* linesWithoutEnd(count: number): AsyncIterable<Uint8Array> {
  yield Buffer.from(HEADER)
  const line = `${JSON.stringify({ key: 'deletedFile', value: { path: 'a' } })}\n`
  const piece = Buffer.from(line.repeat(1_000))
  for (let sent = 0; sent < count; sent += 1_000) yield piece
}

test.each<[string, () => AsyncIterable<Uint8Array>]>([
  ['one line of a gigabyte', () => lineWithoutEnd(1024 * MIB)],
  ['a million lines', () => linesWithoutEnd(1_000_000)],
])('a commit of %s is refused in little memory, while others are served', async (_name, body) => {
  const before = hub.memory().now
  const sending = send(hub.url, '/api/models/admin/x/commit/main', {
    ...{ method: 'POST', token: hub.adminToken, body: body(), timeoutMs: 120_000 },
  })
  const waited = await servedIn()
  const reply = await sending
  expect([reply.status, waited < SERVED_MS]).toEqual([413, true])
  expect(hub.memory().peak - before).toBeLessThan(MEMORY_GROWTH_MAX)
})
