/** The list of things that bite (docs: the protocol study's section 0), as far as a CAS is concerned, each by its number. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { verificationHash } from '../../src/xet/hash.ts'
import { fileHashOfLists } from '../../src/xet/merkle.ts'
import { parseDedupShard, type ShardFile } from '../../src/xet/shard-reader.ts'
import { writeUploadShard } from '../../src/xet/shard-writer.ts'
import type { BuiltXorb } from '../../src/xet/xorb-writer.ts'
import { splitmix64 } from '../vectors/recipe.ts'
import { CasServer, tokenFor } from './cas-server.ts'
import { flipByte } from './flip-byte.ts'
import { type Packed, type Plan, pack, SmallClient } from './small-client.ts'

type Entries = Record<string, { range?: object; ranges?: { chunks: object }[] }[]>

interface EitherPlan {
  readonly terms: { hash: string; range: object }[]
  readonly fetch_info?: Entries
  readonly xorbs?: Entries
}

const home = await mkdtemp(join(tmpdir(), 'xorbit-section0-'))
let server: CasServer
let ann: SmallClient
let packed: Packed
const content = splitmix64(1, 900_000)
const file = () => packed.files[0] as ShardFile
const xorb = (i = 0) => packed.xorbs[i] as BuiltXorb
const planOf = async (response: Response) => (await response.json()) as Plan
const firstUrl = async () =>
  Object.values((await planOf(await ann.reconstruct(file().hash))).xorbs)[0]?.[0]?.url as string

beforeAll(async () => {
  server = await CasServer.start(home)
  ann = new SmallClient(server.url(), tokenFor())
  packed = await pack([content], { chunksMax: 4 })
  await ann.upload(packed)
})
afterAll(async () => {
  await server.close()
  await rm(home, { recursive: true })
})

describe('uploads', () => {
  test('1. xorbs without a footer and shards without a footer are read from their start', async () => {
    expect(await ann.download(file().hash)).toEqual(Buffer.from(content))
  })

  test('1. what follows the second bookend of a shard, the footer of the JavaScript client, is no matter', async () => {
    const shard = writeUploadShard({ files: packed.files, xorbs: packed.xorbs }, { footer: true })
    expect((await ann.postShard(shard, 2)).status).toBe(200)
  })

  test('2. bodies come without a Content-Type', async () => {
    const answer = await ann.send('POST', `/v1/xorbs/default/${xorb().hash}`, { body: new Uint8Array(xorb().body) })
    expect(await answer.json()).toEqual({ was_inserted: false })
  })

  test('3. POST /v2/shards answers NDJSON that ends in a result line', async () => {
    const answer = await ann.postShard(packed.shard, 2)
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    const lines = (await answer.text()).trim().split('\n')
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ type: 'result' })
  })

  test('3. POST /v1/shards answers 1 for a new shard, 0 for a known one', async () => {
    const other = await pack([splitmix64(2, 100_000)])
    for (const { hash, body } of other.xorbs) await ann.postXorb(hash, body)
    expect(await (await ann.postShard(other.shard)).json()).toEqual({ result: 1 })
    expect(await (await ann.postShard(other.shard)).json()).toEqual({ result: 0 })
  })

  test.each(['default', 'default-merkledb'])('4. chunk queries under the prefix %s are answered', async (prefix) => {
    expect((await ann.send('GET', `/v1/chunks/${prefix}/${xorb().chunks.hash(0)}`)).status).toBe(200)
    expect((await ann.send('GET', `/v1/chunks/${prefix}/${'b'.repeat(64)}`)).status).toBe(404)
  })

  test('5. a 200 to a chunk query is a whole shard with a valid footer', async () => {
    const answer = await ann.send('GET', `/v1/chunks/default/${xorb().chunks.hash(0)}`)
    const shard = parseDedupShard(new Uint8Array(await answer.arrayBuffer()))
    expect(shard.xorbs.map(({ hash }) => hash)).toContain(xorb().hash)
  })

  test('18. an empty file has the zero hash, no terms, no SHA-256, and its reconstruction is 416', async () => {
    const empty = await pack([new Uint8Array(0)])
    expect((await ann.postShard(empty.shard, 2)).status).toBe(200)
    for (const range of ['0-0', undefined]) expect((await ann.reconstruct('0'.repeat(64), range)).status).toBe(416)
  })

  test('21. a grant is 200 for a stored xorb, else 404, and nothing else for a token that may write', async () => {
    const ask = (hash: string) => ann.send('POST', `/v1/xorb-grants/default/${hash}`, { body: '{"length":1}' })
    expect((await ask(xorb().hash)).status).toBe(200)
    for (const hash of ['c'.repeat(64), 'no-hash', '%00']) expect((await ask(hash)).status).toBe(404)
    const bob = new SmallClient(server.url('bob'), tokenFor({ account: 'bob' }))
    expect((await bob.send('POST', `/v1/xorb-grants/default/${xorb().hash}`)).status).toBe(404)
    expect((await ann.send('POST', `/v1/xorb-commits/default/${xorb().hash}/grant/1`)).status).toBe(404)
  })

  test('21. grants of a damaged xorb are 404, so that its bytes are sent again', async () => {
    const other = await pack([splitmix64(3, 100_000)])
    await ann.upload(other)
    const { hash, body } = other.xorbs[0] as BuiltXorb
    await server.holdings.blobs.quarantine({ kind: 'xorb', name: hash }, [0])
    expect((await ann.send('POST', `/v1/xorb-grants/default/${hash}`)).status).toBe(404)
    expect(await (await ann.postXorb(hash, body)).json()).toEqual({ was_inserted: true })
    expect((await ann.send('POST', `/v1/xorb-grants/default/${hash}`)).status).toBe(200)
  })

  test('22. telemetry at the root of the origin is answered at once', async () => {
    expect((await fetch(`${server.origin}/v1/telemetry`, { method: 'POST', body: '{}' })).status).toBe(204)
  })
})

describe('downloads', () => {
  test('6. ranges at or past the end are 416, those that begin inside are cut', async () => {
    for (const range of ['900000-900001', '256000000-767999999', '18446744073709551614-']) {
      expect((await ann.reconstruct(file().hash, range)).status).toBe(416)
    }
    for (const range of ['0-0', '899999-899999', '0-255999999', '-1']) {
      expect((await ann.reconstruct(file().hash, range)).status).toBe(200)
    }
    expect((await ann.reconstruct(file().hash, '5-2')).status).toBe(416)
  })

  test('7. no term begins at or past the end of the range, and the first one holds its start', async () => {
    const plan = await planOf(await ann.reconstruct(file().hash, '200000-299999'))
    const bytes = plan.terms.reduce((sum, term) => sum + term.unpacked_length, 0)
    const last = plan.terms.at(-1)?.unpacked_length as number
    expect(plan.offset_into_first_range).toBeLessThan(plan.terms[0]?.unpacked_length as number)
    expect(bytes - last).toBeLessThan(plan.offset_into_first_range + 100_000)
    expect(bytes).toBeGreaterThanOrEqual(plan.offset_into_first_range + 100_000)
  })

  test.each([1, 2])('8. v%d gives one fetch entry per merged range, and every term lies in one', async (version) => {
    const answer = (await (await ann.reconstruct(file().hash, undefined, version)).json()) as EitherPlan
    const entries = answer.fetch_info ?? answer.xorbs ?? {}
    for (const term of answer.terms) {
      const ranges = entries[term.hash]?.map(({ range, ranges }) => range ?? ranges?.[0]?.chunks)
      expect(ranges).toEqual([term.range])
    }
  })

  test('9. the xorb URL is absolute and authorises itself', async () => {
    const url = await firstUrl()
    expect(url.startsWith(`${server.origin}/cas/e1/ann/v1/xorbs/default/`)).toBe(true)
    const answer = await fetch(url, { headers: { range: 'bytes=0-99' } })
    expect([answer.status, answer.headers.get('content-length')]).toEqual([206, '100'])
    expect(answer.headers.get('content-range')).toMatch(/^bytes 0-99\/\d+$/)
  })

  test('9. several ranges of one URL come as multipart/byteranges', async () => {
    const url = await firstUrl()
    const stored = Buffer.from(await (await fetch(url, { headers: { range: 'bytes=0-' } })).arrayBuffer())
    const answer = await fetch(url, { headers: { range: 'bytes=0-9, 100-199' } })
    expect(answer.status).toBe(206)
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(answer.headers.get('content-type') ?? '')?.[1]
    const body = Buffer.from(await answer.arrayBuffer())
    expect(body.length).toBe(Number(answer.headers.get('content-length')))
    const parts = body.toString('latin1').split(`\r\n--${boundary}`)
    expect(parts.at(-1)).toBe('--\r\n')
    const bodies = parts
      .slice(1, -1)
      .map((part) => Buffer.from(part.split('\r\n\r\n').slice(1).join('\r\n\r\n'), 'latin1'))
    expect(Buffer.concat(bodies)).toEqual(Buffer.concat([stored.subarray(0, 10), stored.subarray(100, 200)]))
    expect(parts[1]).toContain(`Content-Range: bytes 0-9/${stored.length}`)
  })

  test('17. a xorb sent again otherwise compressed keeps its offsets; a replaced copy makes old URLs 403', async () => {
    const text = Buffer.from('the same line again\n'.repeat(20_000))
    const [plain, packedText] = [
      await pack([text], { compression: 'none' }),
      await pack([text], { compression: 'lz4' }),
    ]
    await ann.upload(plain)
    const { hash } = plain.files[0] as ShardFile
    const before = Object.values((await planOf(await ann.reconstruct(hash))).xorbs)[0]?.[0]
    await ann.upload(packedText)
    expect((await fetch(before?.url as string, { headers: { range: 'bytes=0-9' } })).status).toBe(206)
    const name = (plain.xorbs[0] as BuiltXorb).hash
    await server.holdings.blobs.quarantine({ kind: 'xorb', name }, [0])
    await ann.upload(packedText)
    expect((await fetch(before?.url as string, { headers: { range: 'bytes=0-9' } })).status).toBe(403)
    expect((await ann.download(hash)).equals(text)).toBe(true)
  })
})

describe('addresses and tokens', () => {
  test('10. a token works to its very end, then it is 401', async () => {
    const expirySeconds = systemClock.nowSeconds()
    const late = new SmallClient(server.url(), tokenFor({ expirySeconds }))
    const soon = new SmallClient(server.url(), tokenFor({ expirySeconds: expirySeconds + 30 }))
    expect((await late.reconstruct(file().hash)).status).toBe(401)
    expect((await soon.reconstruct(file().hash)).status).toBe(200)
  })

  test('11. a flipped byte in a stored chunk is never delivered', async () => {
    const other = await pack([splitmix64(6, 300_000)])
    await ann.upload(other)
    const { hash, body } = other.xorbs[0] as BuiltXorb
    const url = Object.values((await planOf(await ann.reconstruct((other.files[0] as ShardFile).hash))).xorbs)[0]?.[0]
      ?.url
    await flipByte(join(home, 'blobs/xorbs', hash.slice(0, 2), hash), 40)
    expect((await fetch(url as string, { headers: { range: 'bytes=0-' } })).status).toBe(404)
    expect((await ann.reconstruct((other.files[0] as ShardFile).hash)).status).toBe(404)
    expect(await (await ann.postXorb(hash, body)).json()).toEqual({ was_inserted: true })
    expect(await ann.download((other.files[0] as ShardFile).hash)).toEqual(Buffer.from(splitmix64(6, 300_000)))
  })

  test('12. the address has no slash at its end', () => {
    expect(server.url()).toBe(`${server.origin}/cas/e1/ann`)
  })

  test('13. another epoch is another address, and the old one serves on', async () => {
    const epoch = await server.epoch.advance()
    expect(server.url()).toBe(`${server.origin}/cas/${epoch}/ann`)
    const now = new SmallClient(server.url(), tokenFor({ epoch }))
    expect((await now.reconstruct(file().hash)).status).toBe(200)
    expect((await ann.reconstruct(file().hash)).status).toBe(200)
    const unknown = new SmallClient(`${server.origin}/cas/e9/ann`, tokenFor({ epoch: 'e9' }))
    expect((await unknown.reconstruct(file().hash)).status).toBe(404)
  })

  test('16. the same bytes may have several file hashes, and each is served', async () => {
    const bytes = splitmix64(5, 100_000)
    const [whole, halves] = [await pack([bytes]), await pack([bytes.subarray(0, 50_000), bytes.subarray(50_000)])]
    await ann.upload(whole)
    await ann.upload(halves)
    const joined = joinedFile(halves, bytes)
    expect((await ann.postShard(writeUploadShard({ files: [joined], xorbs: halves.xorbs }))).status).toBe(200)
    expect(joined.hash).not.toBe(whole.files[0]?.hash)
    expect(joined.sha256).toBe(whole.files[0]?.sha256)
    for (const hash of [joined.hash, (whole.files[0] as ShardFile).hash]) {
      expect(await ann.download(hash)).toEqual(Buffer.from(bytes))
    }
  })
})

/** The file that a client with other cuts would have made of both halves together. */
function joinedFile({ xorbs }: Packed, bytes: Uint8Array): ShardFile {
  const { hash: name, chunks } = xorbs[0] as BuiltXorb
  const terms = [{ xorb: name, start: 0, end: chunks.count, plainLength: chunks.plainBytes }]
  const ranges = [verificationHash(Array.from({ length: chunks.count }, (_, i) => chunks.hash(i)))]
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { hash: fileHashOfLists([{ chunks, start: 0, end: chunks.count }]), terms, ranges, sha256 }
}
