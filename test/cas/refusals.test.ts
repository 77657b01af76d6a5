/** What a CAS refuses says why, by a code: over HTTP with real stores, no client of anybody in between. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SHARD_HEADER_BYTES } from '../../src/xet/constants.ts'
import type { ShardFile } from '../../src/xet/shard-reader.ts'
import { writeUploadShard } from '../../src/xet/shard-writer.ts'
import type { BuiltXorb } from '../../src/xet/xorb-writer.ts'
import { splitmix64 } from '../vectors/recipe.ts'
import { CasServer, tokenFor } from './cas-server.ts'
import { flipByte } from './flip-byte.ts'
import { type Packed, type Plan, pack, SmallClient } from './small-client.ts'

const home = await mkdtemp(join(tmpdir(), 'xorbit-refusals-'))
const NOBODY = 'a'.repeat(64)
let server: CasServer
let ann: SmallClient
let packed: Packed
beforeAll(async () => {
  server = await CasServer.start(home)
  ann = new SmallClient(server.url(), tokenFor())
  packed = await pack([splitmix64(1, 400_000)])
  await ann.upload(packed)
})
afterAll(async () => {
  await server.close()
  await rm(home, { recursive: true })
})

async function told(pending: Promise<Response>) {
  const response = await pending
  const { code, error } = (await response.json()) as { code: string; error: string }
  expect(error).toMatch(/^[A-Z].{10,}/)
  return { status: response.status, code }
}

const hashOf = ({ files }: Packed) => (files[0] as ShardFile).hash
const pathOf = ({ xorbs }: Packed) => {
  const { hash } = xorbs[0] as BuiltXorb
  return join(home, 'blobs/xorbs', hash.slice(0, 2), hash)
}

async function planned({ files }: Packed): Promise<{ url: string; start: number; end: number }> {
  const plan = (await (await ann.reconstruct((files[0] as ShardFile).hash)).json()) as Plan
  const [entry] = Object.values(plan.xorbs)[0] as [Plan['xorbs'][string][number]]
  const { start, end } = (entry.ranges[0] as (typeof entry.ranges)[number]).bytes
  return { url: entry.url, start, end }
}

const getRange = (url: string, range: string) => fetch(url, { headers: { range: `bytes=${range}` } })

test.each([
  ['', 401, 'CAS_TOKEN_BAD'],
  [tokenFor({ account: 'bob' }), 401, 'CAS_TOKEN_BAD'],
  [tokenFor({ expirySeconds: 1 }), 401, 'CAS_TOKEN_EXPIRED'],
  [tokenFor({ scope: 'read' }), 403, 'CAS_TOKEN_READ_ONLY'],
])('a write with the token "%.12s…" is %d %s', async (token, status, code) => {
  const client = new SmallClient(server.url(), token)
  expect(await told(client.postShard(packed.shard))).toEqual({ status, code })
})

test('a good token for an epoch that is over is told to ask for a new address', async () => {
  const url = server.url().replace('/e1/', '/e0/')
  const client = new SmallClient(url, tokenFor({ epoch: 'e0' }))
  expect(await told(client.reconstruct(hashOf(packed)))).toEqual({ status: 404, code: 'EPOCH_UNKNOWN' })
})

test.each([
  ['GET', `/v1/chunks/default/${NOBODY}`, 404, 'CHUNK_UNKNOWN'],
  ['GET', `/v2/file-chunk-hashes/${NOBODY}`, 404, 'PARTIAL_EDIT_UNKNOWN'],
  ['POST', `/v1/xorb-grants/default/${NOBODY}`, 404, 'XORB_UNKNOWN'],
  ['POST', `/v1/xorb-commits/default/${NOBODY}/grant/1`, 404, 'GRANT_UNKNOWN'],
  ['GET', `/v2/reconstructions/${NOBODY}`, 404, 'FILE_NOT_FOUND'],
  ['GET', '/v2/reconstructions/x', 400, 'HASH_MALFORMED'],
])('%s %.30s is %d %s', async (method, path, status, code) => {
  expect(await told(ann.send(method, path))).toEqual({ status, code })
})

test('a signed address gives its range by GET, and says what else is wrong', async () => {
  const { url, start, end } = await planned(packed)
  expect(await told(getRange(`${url}0`, `${start}-${end}`))).toEqual({ status: 403, code: 'SIGNED_URL_BAD' })
  expect(await told(getRange(url, `${end + 1}-${end + 9}`))).toEqual({ status: 416, code: 'RANGE_PAST_END' })
  const part = await ann.reconstruct(hashOf(packed), '100000-199999')
  const [entry] = Object.values(((await part.json()) as Plan).xorbs)[0] as [Plan['xorbs'][string][number]]
  expect(await told(getRange(entry.url, `0-${end}`))).toEqual({ status: 403, code: 'SIGNED_URL_RANGE' })
  const posted = fetch(url, { method: 'POST', body: 'x' })
  expect(await told(posted)).toEqual({ status: 403, code: 'SIGNED_URL_METHOD' })
})

test('a reconstruction that begins behind the end is refused with the size', async () => {
  const response = await ann.reconstruct(hashOf(packed), '400000-400001')
  expect(response.headers.get('content-range')).toBe('bytes */400000')
  expect(await told(Promise.resolve(response))).toEqual({ status: 416, code: 'RANGE_PAST_END' })
})

test('an address of a copy that was healed by another one asks for a new reconstruction', async () => {
  const text = Buffer.from('the same words again and again. '.repeat(20_000))
  const plain = await pack([text], { compression: 'none' })
  await ann.upload(plain)
  const { url, start, end } = await planned(plain)
  await flipByte(pathOf(plain), 100)
  expect(await told(getRange(url, `${start}-${end}`))).toMatchObject({ status: 404 })
  await ann.upload(await pack([text], { compression: 'lz4' }))
  expect(await told(getRange(url, `${start}-${start}`))).toEqual({ status: 403, code: 'SIGNED_URL_REPLACED' })
  expect(await ann.download(hashOf(plain))).toEqual(text)
})

test('a file whose xorb went away from the disk is lost, until it is sent again', async () => {
  const content = splitmix64(5, 300_000)
  const lost = await pack([content])
  await ann.upload(lost)
  await server.close()
  await rm(pathOf(lost))
  server = await CasServer.start(home)
  ann = new SmallClient(server.url(), tokenFor())
  expect(await told(ann.reconstruct(hashOf(lost)))).toEqual({ status: 404, code: 'XORB_LOST' })
  await ann.upload(lost)
  expect((await ann.download(hashOf(lost))).equals(content)).toBe(true)
})

test('a shard that tells one file twice and differently is refused', async () => {
  const content = splitmix64(6, 300_000)
  const { xorbs, files } = await pack([content])
  for (const { hash, body } of xorbs) await ann.postXorb(hash, body)
  const file = files[0] as ShardFile
  const [one, other] = [file, { ...file, sha256: 'b'.repeat(64) }].map((each) => {
    return Buffer.from(writeUploadShard({ files: [each], xorbs: [] }))
  }) as [Buffer, Buffer]
  // The list of files lies between the header and an entry that begins with 32 bytes of ones.
  const end = one.indexOf(Buffer.alloc(32, 0xff))
  const shard = Buffer.concat([one.subarray(0, end), other.subarray(SHARD_HEADER_BYTES)])
  expect(await told(ann.postShard(shard))).toEqual({ status: 400, code: 'SHARD_FILE_TWICE' })
})
