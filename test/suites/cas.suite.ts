/** What the CAS must do over any store: accept what is proved, refuse the rest whole, give back what it took. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AppError } from '../../src/base/app-error.ts'
import { acceptShard } from '../../src/cas/accept-shard.ts'
import { acceptXorb } from '../../src/cas/accept-xorb.ts'
import { DedupIndex } from '../../src/cas/dedup-index.ts'
import type { Holdings } from '../../src/cas/holdings.ts'
import { LocalCasFiles } from '../../src/cas/local-cas-files.ts'
import { getReadableFile, reconstruct } from '../../src/cas/reconstruct.ts'
import { chunkHash, type FileHash, keyedChunkHash, verificationHash, type XorbHash } from '../../src/xet/hash.ts'
import { fileHash } from '../../src/xet/merkle.ts'
import { parseDedupShard, type ShardFile } from '../../src/xet/shard-reader.ts'
import { writeUploadShard } from '../../src/xet/shard-writer.ts'
import { writeXorbFooter } from '../../src/xet/xorb-footer.ts'
import { type BuiltXorb, XorbBuilder } from '../../src/xet/xorb-writer.ts'
import { type Packed, pack } from '../cas/small-client.ts'
import { splitmix64 } from '../vectors/recipe.ts'
import { readAll, segmentsOf } from './blob-store.suite.ts'

export type CreateHoldings = (limits?: { fileChunksMax?: number; dedupAnswerBytesMax?: number }) => Promise<Holdings>

export function casSuite(name: string, create: CreateHoldings): void {
  describe(name, () => {
    xorbs(create)
    shards(create)
    shardRefusals(create)
    rights(create)
    ranges(create)
    dedup(create)
  })
}

export const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'no error',
    (error: AppError) => error.code,
  )
export const noise = (bytes: number, seed = 1) => splitmix64(seed, bytes)

export async function upload(holdings: Holdings, account: string, packed: Packed): Promise<boolean> {
  for (const { hash, body } of packed.xorbs) await acceptXorb(holdings, account, hash, segmentsOf(body))
  return (await acceptShard(holdings, account, packed.shard)).registered
}

export async function planOf(
  holdings: Holdings,
  account: string,
  hash: FileHash,
  range?: { start: number; end: number },
) {
  const file = await getReadableFile(holdings, account, hash)
  return reconstruct(holdings, account, file, range ?? { start: 0, end: file.size })
}

function xorbs(create: CreateHoldings): void {
  const good = async () => (await pack([noise(300_000)])).xorbs[0] as BuiltXorb

  test('takes a xorb however it is cut, with its own footer or none', async () => {
    const holdings = await create()
    const xorb = await good()
    const pieces = Array.from({ length: Math.ceil(xorb.body.length / 777) }, (_, i) =>
      xorb.body.subarray(i * 777, (i + 1) * 777),
    )
    expect(await acceptXorb(holdings, 'ann', xorb.hash, segmentsOf(...pieces))).toEqual({ inserted: true })
    const footer = writeXorbFooter(xorb)
    expect(await acceptXorb(holdings, 'ann', xorb.hash, segmentsOf(xorb.body, footer))).toEqual({ inserted: false })
    const stored = await readAll(holdings.blobs.open({ kind: 'xorb', name: xorb.hash }))
    expect(stored.equals(xorb.body)).toBe(true)
    expect((await holdings.findXorb(xorb.hash))?.chunks.packed).toEqual(xorb.chunks.packed)
  })

  test('refuses one flipped bit anywhere, any cut and any tail, and keeps nothing', async () => {
    const holdings = await create()
    const builder = new XorbBuilder({ compression: 'lz4' })
    for (let i = 0; i < 3; i++) {
      const plain = Buffer.from(`chunk ${i} `.repeat(4))
      builder.add(chunkHash(plain), plain)
    }
    const { hash, body, chunks, recordEnds } = builder.finish()
    for (let bit = 0; bit < body.length * 8; bit++) {
      const flipped = body.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(await codeOf(acceptXorb(holdings, 'ann', hash, segmentsOf(flipped)))).not.toBe('no error')
    }
    for (let length = 0; length < body.length; length++) {
      expect(await codeOf(acceptXorb(holdings, 'ann', hash, segmentsOf(body.subarray(0, length))))).not.toBe('no error')
    }
    const footer = writeXorbFooter({ hash, chunks, recordEnds })
    footer[60] = (footer[60] as number) ^ 1
    for (const tail of [
      'x',
      footer.subarray(0, 50),
      footer,
      Buffer.concat([writeXorbFooter({ hash, chunks, recordEnds }), Buffer.from('x')]),
    ]) {
      expect(await codeOf(acceptXorb(holdings, 'ann', hash, segmentsOf(body, tail)))).not.toBe('no error')
    }
    expect(await holdings.blobs.has({ kind: 'xorb', name: hash })).toBe(false)
    expect(await holdings.findXorb(hash)).toBeNull()
  })

  test('refuses a good xorb under another name, also one that is known', async () => {
    const holdings = await create()
    const [a, b] = [await good(), (await pack([noise(100_000, 2)])).xorbs[0] as BuiltXorb]
    expect(await codeOf(acceptXorb(holdings, 'ann', a.hash, segmentsOf(b.body)))).toBe('XORB_HASH_MISMATCH')
    await acceptXorb(holdings, 'ann', a.hash, segmentsOf(a.body))
    expect(await codeOf(acceptXorb(holdings, 'bob', a.hash, segmentsOf(b.body)))).toBe('XORB_HASH_MISMATCH')
    expect(await holdings.rightsOf('bob').mayUseXorb(a.hash)).toBe(false)
    expect(await codeOf(acceptXorb(holdings, 'ann', '0'.repeat(64) as XorbHash, segmentsOf()))).toBe('XORB_EMPTY')
  })

  test('inserts one of two uploads at once', async () => {
    const holdings = await create()
    const { hash, body } = await good()
    const both = await Promise.all([1, 2].map(() => acceptXorb(holdings, 'ann', hash, segmentsOf(body))))
    expect(both.map(({ inserted }) => inserted).sort()).toEqual([false, true])
  })
}

function shards(create: CreateHoldings): void {
  test('registers files of many xorbs, and says so once', async () => {
    const holdings = await create()
    const packed = await pack([noise(900_000), new Uint8Array(0), Buffer.from('x'), noise(50_000, 3)], { chunksMax: 4 })
    expect(await upload(holdings, 'ann', packed)).toBe(true)
    expect(await upload(holdings, 'ann', packed)).toBe(false)
    const files = new LocalCasFiles(holdings)
    for (const [i, size] of [900_000, 0, 1, 50_000].entries()) {
      const { hash, sha256 } = packed.files[i] as ShardFile
      expect(await files.find(hash)).toEqual({ hash, size, sha256: size === 0 ? null : sha256 })
    }
  })

  test('takes a file that uses one chunk a quarter of a million times, and gives back any part of it', {
    timeout: 60_000,
  }, async () => {
    const TIMES = 250_000
    const holdings = await create()
    const builder = new XorbBuilder()
    const plain = Buffer.from('once')
    const hash = chunkHash(plain)
    for (let i = 0; i < 8192; i++) builder.add(hash, plain)
    const xorb = builder.finish()
    const counts = [...Array.from({ length: 30 }, () => 8192), TIMES - 30 * 8192]
    const terms = counts.map((end) => ({ xorb: xorb.hash, start: 0, end, plainLength: end * 4 }))
    const ranges = counts.map((count) => verificationHash(Array.from({ length: count }, () => hash)))
    function* chunks() {
      for (let i = 0; i < TIMES; i++) yield { hash, length: 4 }
    }
    const sha256 = createHash('sha256').update('once'.repeat(TIMES)).digest('hex')
    const file: ShardFile = { hash: fileHash(chunks()), terms, ranges, sha256 }
    await upload(holdings, 'ann', {
      xorbs: [xorb],
      files: [file],
      shard: writeUploadShard({ files: [file], xorbs: [xorb] }),
    })
    const part = await readAll(
      new LocalCasFiles(holdings).open(file.hash, { start: 4 * TIMES - 10, end: 4 * TIMES - 1 }),
    )
    expect(part.toString()).toBe('ceonceonc')
    expect((await planOf(holdings, 'ann', file.hash)).fetches.get(xorb.hash)).toHaveLength(1)
  })

  test('a known file takes other terms when they are fewer or the old ones cannot be read, and keeps its SHA-256', async () => {
    const holdings = await create()
    const content = noise(600_000)
    const [whole, split] = [await pack([content]), await pack([content], { chunksMax: 3 })]
    const { hash, sha256 } = whole.files[0] as ShardFile
    const xorbsOf = (packed: Packed) => packed.xorbs.map((xorb) => xorb.hash)
    const termsLeadTo = async () => (await holdings.findFile(hash))?.xorbs
    const silent = (packed: Packed): Packed => {
      const files = packed.files.map((file) => ({ ...file, sha256: null }))
      return { ...packed, files, shard: writeUploadShard({ files, xorbs: packed.xorbs }) }
    }
    await upload(holdings, 'ann', split)
    await upload(holdings, 'bob', silent(whole))
    expect(await termsLeadTo()).toEqual(xorbsOf(whole))
    await upload(holdings, 'ann', silent(split))
    expect(await termsLeadTo()).toEqual(xorbsOf(whole))
    await holdings.blobs.quarantine({ kind: 'xorb', name: whole.xorbs[0]?.hash as string }, [1])
    await upload(holdings, 'ann', silent(split))
    expect(await termsLeadTo()).toEqual(xorbsOf(split))
    expect(await holdings.findSha256(hash)).toBe(sha256)
  })
}

function shardRefusals(create: CreateHoldings): void {
  const change = (
    files: readonly ShardFile[],
    xorbs: readonly BuiltXorb[],
    how: (file: ShardFile) => Partial<ShardFile>,
  ) => writeUploadShard({ files: files.map((file) => ({ ...file, ...how(file) })), xorbs })
  const firstTerm = (file: ShardFile, part: object) => ({
    terms: file.terms.map((term, i) => (i === 0 ? { ...term, ...part } : term)),
  })
  const other = 'a'.repeat(64)

  test.each<[string, string, (file: ShardFile) => Partial<ShardFile>]>([
    ['an unknown xorb', 'XORB_UNKNOWN', (file) => firstTerm(file, { xorb: other })],
    ['a range past the end', 'TERM_RANGE_BAD', (file) => firstTerm(file, { end: 9000 })],
    ['an empty range', 'TERM_RANGE_BAD', (file) => firstTerm(file, { end: 0 })],
    ['a reversed range', 'TERM_RANGE_BAD', (file) => firstTerm(file, { start: 2, end: 1 })],
    ['a false length', 'TERM_LENGTH_BAD', (file) => firstTerm(file, { plainLength: 5 })],
    ['lengths whose sum passes 2^53', 'TERM_LENGTH_BAD', (file) => firstTerm(file, { plainLength: 0xffff_ffff })],
    ['a false verification hash', 'TERM_HASH_BAD', (file) => ({ ranges: file.terms.map(() => other as never) })],
    ['no verification hashes', 'SHARD_UNVERIFIABLE', () => ({ ranges: null })],
    ['a false file hash', 'FILE_HASH_MISMATCH', () => ({ hash: other as FileHash })],
    [
      'terms left out',
      'FILE_HASH_MISMATCH',
      (file) => ({ terms: file.terms.slice(1), ranges: file.ranges?.slice(1) ?? [] }),
    ],
    ['a false SHA-256', 'SHA256_MISMATCH', () => ({ sha256: other })],
  ])('refuses a shard with %s and registers nothing', async (_name, code, how) => {
    const holdings = await create()
    const { xorbs, files } = await pack([noise(700_000)], { chunksMax: 4 })
    for (const { hash, body } of xorbs) await acceptXorb(holdings, 'ann', hash, segmentsOf(body))
    expect(await codeOf(acceptShard(holdings, 'ann', change(files, xorbs, how)))).toBe(code)
    const [file] = files as [ShardFile]
    expect(await holdings.findFile(file.hash)).toBeNull()
    expect(await holdings.catalog.findIndex('sha256', file.sha256 as string, 1)).toEqual([])
  })

  test('refuses a chunk list that is swapped or cut against the stored xorb', async () => {
    const holdings = await create()
    const { xorbs, files } = await pack([noise(700_000)], { chunksMax: 4 })
    for (const { hash, body } of xorbs) await acceptXorb(holdings, 'ann', hash, segmentsOf(body))
    const [a, b] = xorbs as [BuiltXorb, BuiltXorb]
    for (const chunks of [b.chunks, a.chunks.slice(0, 2)]) {
      const shard = writeUploadShard({ files, xorbs: [{ hash: a.hash, chunks }] })
      expect(await codeOf(acceptShard(holdings, 'ann', shard))).toBe('SHARD_XORB_MISMATCH')
    }
  })

  test('counts the chunks before it looks at anything else', async () => {
    const holdings = await create({ fileChunksMax: 1000 })
    const terms = [{ xorb: other as XorbHash, start: 0, end: 1001, plainLength: 1 }]
    const file: ShardFile = { hash: other as FileHash, terms, ranges: [other as never], sha256: other }
    const attempt = acceptShard(holdings, 'ann', writeUploadShard({ files: [file], xorbs: [] }))
    await expect(attempt).rejects.toMatchObject({ kind: 'too-large', code: 'SHARD_TOO_MANY_CHUNKS' })
  })

  test('any bytes at all are refused with a reason', async () => {
    const holdings = await create()
    const { shard } = await pack([noise(200_000)])
    await fc.assert(
      fc.asyncProperty(fc.nat(shard.length - 1), fc.nat(255), fc.nat(shard.length), async (at, value, length) => {
        const bytes = shard.slice(0, length)
        if (at < length) bytes[at] = value
        await acceptShard(holdings, 'ann', bytes).catch((error: unknown) => {
          expect(error).toHaveProperty('kind', expect.stringMatching(/^(malformed|integrity|too-large)$/))
        })
      }),
      { numRuns: 200 },
    )
  })
}

function rights(create: CreateHoldings): void {
  test('what one account uploaded another can neither read, use nor tell from what is absent', async () => {
    const holdings = await create()
    const packed = await pack([noise(300_000)])
    await upload(holdings, 'ann', packed)
    const { hash, sha256 } = packed.files[0] as ShardFile
    const ofBob = await codeOf(planOf(holdings, 'bob', hash))
    expect(ofBob).toBe(await codeOf(planOf(holdings, 'bob', 'a'.repeat(64) as FileHash)))
    await expect(acceptShard(holdings, 'bob', packed.shard)).rejects.toMatchObject({ code: 'XORB_UNKNOWN' })
    const files = new LocalCasFiles(holdings)
    expect(await files.findVerified('bob', sha256 as string)).toBeNull()
    expect((await files.findVerified('ann', sha256 as string))?.hash).toBe(hash)
  })

  test('a repository that the account may read gives the right to its files and xorbs, and to nothing else', async () => {
    const holdings = await create()
    const packed = await pack([noise(300_000), noise(200_000, 9)], { chunksMax: 2 })
    await upload(holdings, 'ann', packed)
    const [mine, other] = packed.files as [ShardFile, ShardFile]
    const files = new LocalCasFiles(holdings)
    await files.attach('r1', [mine.hash])
    const { access } = holdings as unknown as { access: { grant(account: string, repo: string): void } }
    access.grant('bob', 'r1')
    expect((await planOf(holdings, 'bob', mine.hash)).terms.length).toBeGreaterThan(0)
    expect(await codeOf(planOf(holdings, 'bob', other.hash))).toBe('FILE_NOT_FOUND')
    expect((await files.findVerified('bob', mine.sha256 as string))?.hash).toBe(mine.hash)
    expect(await files.findVerified('bob', other.sha256 as string)).toBeNull()
    expect(await codeOf(files.attach('r1', ['b'.repeat(64) as FileHash]))).toBe('FILE_NOT_FOUND')
  })

  test('an upload gives rights for 22 days and a day, then no longer', async () => {
    const holdings = await create()
    const packed = await pack([noise(100_000)])
    await upload(holdings, 'ann', packed)
    const { hash } = packed.files[0] as ShardFile
    const { clock } = holdings as unknown as { clock: { advance(seconds: number): void } }
    clock.advance(22 * 86_400)
    expect(await codeOf(planOf(holdings, 'ann', hash))).toBe('no error')
    clock.advance(2 * 86_400)
    expect(await codeOf(planOf(holdings, 'ann', hash))).toBe('FILE_NOT_FOUND')
  })
}

function ranges(create: CreateHoldings): void {
  test('a plan for any range tiles it, trims it, and fetches each xorb in ranges that do not touch', async () => {
    const holdings = await create()
    const content = noise(1_200_000)
    const packed = await pack([content, Buffer.concat([content.subarray(400_000), content])], { chunksMax: 3 })
    await upload(holdings, 'ann', packed)
    const { hash, terms } = packed.files[0] as ShardFile
    await fc.assert(
      fc.asyncProperty(fc.nat(1_199_999), fc.nat(1_199_999), async (a, b) => {
        const range = { start: Math.min(a, b), end: Math.max(a, b) + 1 }
        const plan = await planOf(holdings, 'ann', hash, range)
        const bytes = plan.terms.reduce((sum, { plainLength }) => sum + plainLength, 0)
        expect(bytes - plan.offsetIntoFirst).toBeGreaterThanOrEqual(range.end - range.start)
        expect(bytes - plan.offsetIntoFirst - (range.end - range.start)).toBeLessThan(131_072)
        expect(plan.offsetIntoFirst).toBeLessThan(131_072)
        expect(plan.terms.length).toBeLessThanOrEqual(terms.length)
        for (const term of plan.terms) {
          const around = plan.fetches
            .get(term.xorb)
            ?.filter(({ chunks }) => chunks.start <= term.start && term.end <= chunks.end)
          expect(around).toHaveLength(1)
        }
        for (const list of plan.fetches.values()) {
          for (let i = 1; i < list.length; i++)
            expect(list[i]?.chunks.start).toBeGreaterThan(list[i - 1]?.chunks.end as number)
        }
      }),
      { numRuns: 60 },
    )
  })
}

function dedup(create: CreateHoldings): void {
  const firstChunk = (packed: Packed) => (packed.xorbs[0] as BuiltXorb).chunks.hash(0)

  test('answers for the first chunk with its xorb and the following ones of the file, keyed, for less than 21 days', async () => {
    const holdings = await create()
    const packed = await pack([noise(900_000)], { chunksMax: 3 })
    await upload(holdings, 'ann', packed)
    const answer = await new DedupIndex(holdings, noise(32)).answer('ann', firstChunk(packed))
    const shard = parseDedupShard(answer as Uint8Array)
    expect(shard.keyed).toBe(true)
    expect(shard.expirySeconds).toBeLessThan(holdings.clock.nowSeconds() + 21 * 86_400)
    expect(shard.xorbs.map(({ hash }) => hash)).toEqual(packed.xorbs.map(({ hash }) => hash).sort())
    for (const xorb of packed.xorbs) {
      const found = shard.xorbs.find(({ hash }) => hash === xorb.hash)
      expect(found?.chunks.map(({ hash }) => hash)).toEqual(
        Array.from({ length: xorb.chunks.count }, (_, i) => keyedChunkHash(shard.key, xorb.chunks.hash(i))),
      )
    }
  })

  test('says nothing to another account, of other chunks, or of a damaged xorb', async () => {
    const holdings = await create()
    const packed = await pack([noise(400_000)])
    await upload(holdings, 'ann', packed)
    const index = new DedupIndex(holdings, noise(32))
    expect(await index.answer('bob', firstChunk(packed))).toBeNull()
    const second = (packed.xorbs[0] as BuiltXorb).chunks.hash(1)
    expect(await index.answer('ann', second)).toBeNull()
    await holdings.blobs.quarantine({ kind: 'xorb', name: (packed.xorbs[0] as BuiltXorb).hash }, [2])
    expect(await index.answer('ann', firstChunk(packed))).toBeNull()
  })

  test('keeps an answer within its bytes', async () => {
    const holdings = await create({ dedupAnswerBytesMax: 48 * 9 })
    const packed = await pack([noise(900_000)], { chunksMax: 3 })
    await upload(holdings, 'ann', packed)
    const answer = await new DedupIndex(holdings, noise(32)).answer('ann', firstChunk(packed))
    expect(parseDedupShard(answer as Uint8Array).xorbs).toHaveLength(2)
  })
}
