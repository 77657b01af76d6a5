/** Senders that hardly send must not keep others out. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LocalCasFiles } from '../../src/cas/local-cas-files.ts'
import { splitmix64 } from '../vectors/recipe.ts'
import { CasServer, tokenFor } from './cas-server.ts'
import { pack, SmallClient } from './small-client.ts'

const home = await mkdtemp(join(tmpdir(), 'xorbit-slow-'))
let server: CasServer
beforeAll(async () => {
  server = await CasServer.start(home)
})
afterAll(async () => {
  await server.close()
  await rm(home, { recursive: true })
})

/** Announces the largest shard, and sends one byte now and then. Gives what it was answered. */
function dribble(path: string, length: number): { socket: Socket; answer: Promise<string> } {
  const { hostname, port } = new URL(server.origin)
  const socket = connect(Number(port), hostname)
  socket.write(`POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${tokenFor()}\r\n`)
  socket.write(`Content-Length: ${length}\r\n\r\n`)
  const timer = setInterval(() => socket.write('H'), 500)
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString()))
    socket.once('error', reject)
    socket.once('close', () => clearInterval(timer))
  })
  return { socket, answer }
}

test('two shards that hardly come lose their turn to one that is there', { timeout: 30_000 }, async () => {
  const ann = new SmallClient(server.url(), tokenFor())
  const packed = await pack([splitmix64(1, 400_000)])
  const path = `${new URL(server.url()).pathname}/v1/shards`
  const slow = [dribble(path, 67_000_000), dribble(path, 67_000_000), dribble(path, 67_000_000)]
  await expect.poll(() => server.holdings.shardBytes.waiting).toBe(1)
  await ann.upload(packed)
  expect(await Promise.race(slow.map(({ answer }) => answer))).toMatch(/^HTTP\/1.1 503 [\s\S]*UPLOAD_TOO_SLOW/)
  for (const { socket } of slow) socket.destroy()
})

test('an object is taken although four others stand still', { timeout: 30_000 }, async () => {
  const files = new LocalCasFiles(server.holdings)
  const stop = new AbortController()
  async function* standing(): AsyncIterable<Uint8Array> {
    yield Buffer.from('x')
    await new Promise((_resolve, reject) => stop.signal.addEventListener('abort', reject))
  }
  const expected = { sha256: 'a'.repeat(64), size: 1000 }
  const slow = [1, 2, 3, 4].map(() => files.ingest('ann', standing(), expected))
  const lost = expect(Promise.any(slow.map((each) => each.catch((error) => error)))).resolves.toMatchObject({
    kind: 'busy',
    code: 'UPLOAD_TOO_SLOW',
  })
  const content = splitmix64(2, 100_000)
  const sha256 = createHash('sha256').update(content).digest('hex')
  async function* whole() {
    yield content
  }
  expect(await files.ingest('ann', whole(), { sha256, size: content.length })).toMatchObject({ sha256 })
  await lost
  stop.abort()
  await Promise.allSettled(slow)
})

test('a shard whose sender went away is not verified to the end', async () => {
  const ann = new SmallClient(server.url(), tokenFor())
  const packed = await pack([splitmix64(3, 3_000_000)])
  for (const { hash, body } of packed.xorbs) await ann.postXorb(hash, body)
  const releases = [await server.holdings.sha256Passes.acquire(), await server.holdings.sha256Passes.acquire()]
  const leaving = new AbortController()
  const url = `${server.url()}/v1/shards`
  const headers = { authorization: `Bearer ${tokenFor()}` }
  const body = new Uint8Array(packed.shard)
  const posted = fetch(url, { method: 'POST', headers, body, signal: leaving.signal }).catch(() => 'gone')
  await expect.poll(() => server.holdings.sha256Passes.waiting).toBe(1)
  leaving.abort()
  expect(await posted).toBe('gone')
  await expect.poll(() => server.holdings.sha256Passes.waiting).toBe(0)
  for (const release of releases) release()
})
