/** What the client hears while a shard is verified. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../../src/base/clock.ts'
import type { ShardFile } from '../../src/xet/shard-reader.ts'
import { writeUploadShard } from '../../src/xet/shard-writer.ts'
import { splitmix64 } from '../vectors/recipe.ts'
import { CasServer, tokenFor } from './cas-server.ts'
import { pack, SmallClient } from './small-client.ts'

const home = await mkdtemp(join(tmpdir(), 'xorbit-lines-'))
const clock = new ManualClock()
let server: CasServer
let ann: SmallClient
beforeAll(async () => {
  server = await CasServer.start(home, { clock })
  ann = new SmallClient(server.url(), tokenFor())
})
afterAll(async () => {
  await server.close()
  await rm(home, { recursive: true })
})

/** Sends a shard whose SHA-256 pass cannot begin, and lets time pass until the answer begins. */
async function postBlocked(shard: Uint8Array): Promise<{ response: Response; unblock: () => void }> {
  const unblock = await server.holdings.sha256Passes.acquire(Number.POSITIVE_INFINITY)
  let response: Response | null = null
  const posting = ann.postShard(shard, 2).then((answer) => {
    response = answer
  })
  for (let seconds = 0; response === null && seconds < 100_000; seconds += 5) {
    clock.advance(5)
    await nextTurn()
  }
  await posting
  return { response: response as unknown as Response, unblock }
}

const linesOf = async (response: Response) =>
  (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('v2 repeats its progress while it waits, and ends in a result', async () => {
  const packed = await pack([splitmix64(1, 200_000)])
  for (const { hash, body } of packed.xorbs) await ann.postXorb(hash, body)
  const { response, unblock } = await postBlocked(packed.shard)
  expect(response.status).toBe(200)
  unblock()
  const lines = await linesOf(response)
  expect(lines[0]).toEqual({ type: 'validating', verified: 0, total: 200_000 })
  expect(lines.at(-1)).toEqual({ type: 'result', result: 1 })
})

test('v2 ends in an error line, not to be retried, when the shard is refused after the headers', async () => {
  const packed = await pack([splitmix64(2, 200_000)])
  for (const { hash, body } of packed.xorbs) await ann.postXorb(hash, body)
  const files = packed.files.map((file): ShardFile => ({ ...file, sha256: 'a'.repeat(64) }))
  const { response, unblock } = await postBlocked(writeUploadShard({ files, xorbs: packed.xorbs }))
  unblock()
  expect((await linesOf(response)).at(-1)).toMatchObject({ type: 'error', code: 'SHA256_MISMATCH', retryable: false })
})

test('v2 refuses with a plain status what it can refuse at once', async () => {
  expect((await ann.postShard(new Uint8Array(100), 2)).status).toBe(400)
  expect((await ann.postShard((await pack([splitmix64(3, 200_000)])).shard, 2)).status).toBe(400)
})
