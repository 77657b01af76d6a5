/** What the CAS must do with whole files over any store: plain bytes in, any range of them out, checked on the way. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { acceptShard } from '../../src/cas/accept-shard.ts'
import type { Holdings } from '../../src/cas/holdings.ts'
import { LocalCasFiles } from '../../src/cas/local-cas-files.ts'
import type { FileHash, XorbHash } from '../../src/xet/hash.ts'
import type { ShardFile } from '../../src/xet/shard-reader.ts'
import { pack } from '../cas/small-client.ts'
import { readAll, segmentsOf } from './blob-store.suite.ts'
import { type CreateHoldings, codeOf, noise, planOf, upload } from './cas.suite.ts'

export function casFilesSuite(name: string, create: CreateHoldings): void {
  describe(name, () => plainFiles(create))
}

function plainFiles(create: CreateHoldings): void {
  const ingest = (holdings: Holdings, content: Uint8Array, part: object = {}) => {
    const sha256 = createHash('sha256').update(content).digest('hex')
    const pieces = [content.subarray(0, 1000), content.subarray(1000)]
    return new LocalCasFiles(holdings).ingest('ann', segmentsOf(...pieces), { sha256, size: content.length, ...part })
  }

  test('plain bytes become the file that a Xet client would have made', async () => {
    const holdings = await create()
    for (const content of [noise(700_000), new Uint8Array(0), Buffer.from('x'), Buffer.alloc(900_000, 7)]) {
      const stored = await ingest(holdings, content)
      expect(stored.hash).toBe((await pack([content])).files[0]?.hash)
      expect((await readAll(new LocalCasFiles(holdings).open(stored.hash))).equals(content)).toBe(true)
      expect(await new LocalCasFiles(holdings).find(stored.hash)).toEqual(stored)
      expect(await ingest(holdings, content)).toEqual(stored)
    }
  })

  test('bytes that are not what they claim register nothing', async () => {
    const holdings = await create()
    const content = noise(300_000)
    for (const part of [{ sha256: 'a'.repeat(64) }, { size: 299_999 }, { size: 300_001 }]) {
      expect(await codeOf(ingest(holdings, content, part))).toBe('LFS_OID_MISMATCH')
    }
    expect(await holdings.findFile((await pack([content])).files[0]?.hash as FileHash)).toBeNull()
  })

  test('gives any range of a file', async () => {
    const holdings = await create()
    const content = noise(800_000)
    const packed = await pack([content], { chunksMax: 2 })
    await upload(holdings, 'ann', packed)
    const files = new LocalCasFiles(holdings)
    await fc.assert(
      fc.asyncProperty(fc.nat(800_000), fc.nat(800_000), async (a, b) => {
        const range = { start: Math.min(a, b), end: Math.max(a, b) }
        const got = await readAll(files.open((packed.files[0] as ShardFile).hash, range))
        expect(got.equals(content.subarray(range.start, range.end))).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('damage shows before the first byte, makes the file unverified, and goes when the file comes again', async () => {
    const holdings = await create()
    const content = noise(400_000)
    const { hash, sha256 } = await ingest(holdings, content)
    const xorb = (await holdings.findFile(hash))?.xorbs[0] as XorbHash
    await holdings.blobs.quarantine({ kind: 'xorb', name: xorb }, [0])
    const files = new LocalCasFiles(holdings)
    const first = files.open(hash)[Symbol.asyncIterator]().next()
    await expect(first).rejects.toMatchObject({ kind: 'damaged' })
    expect(await files.findVerified('ann', sha256 as string)).toBeNull()
    expect(await codeOf(planOf(holdings, 'ann', hash))).toBe('CHUNK_DAMAGED')
    const shard = (await pack([content])).shard
    expect(await codeOf(acceptShard(holdings, 'ann', shard))).toBe('XORB_UNKNOWN')
    await ingest(holdings, content)
    expect((await readAll(files.open(hash))).equals(content)).toBe(true)
    expect((await files.findVerified('ann', sha256 as string))?.hash).toBe(hash)
  })
}
