/** Batches of whole records out of a stream cut anywhere. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chunkHash } from './hash.ts'
import { readRecordBatches } from './record-batches.ts'
import { XorbBuilder } from './xorb-writer.ts'

const builder = new XorbBuilder()
for (let i = 0; i < 40; i++) {
  const plain = new Uint8Array(50 + i * 97).map((_, at) => (at * 31 + i) % 251)
  builder.add(chunkHash(plain), plain)
}
const { body, recordEnds } = builder.finish()
const IDENT = Uint8Array.from(Buffer.from('XETBLOB'))

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncIterable<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] as number
    yield bytes.subarray(at, at + size)
    at += size
  }
}

test('gives every record once, in order, and the tail, wherever the stream is cut', async () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 })
  const limits = fc.record({ bytes: fc.integer({ min: 1, max: 9000 }), records: fc.integer({ min: 1, max: 50 }) })
  const tail = fc.uint8Array({ maxLength: 2000 })
  await fc.assert(
    fc.asyncProperty(pieces, limits, fc.option(tail), async (sizes, limit, extra) => {
      const end = extra === null ? new Uint8Array(0) : Buffer.concat([IDENT, extra])
      let gotTail: Uint8Array | null = null
      const ends: number[] = []
      let at = 0
      for await (const batch of readRecordBatches(cut(Buffer.concat([body, end]), sizes), limit, (bytes) => {
        gotTail = bytes
      })) {
        expect(batch.firstIndex).toBe(ends.length)
        expect(batch.ends.length).toBeLessThanOrEqual(limit.records)
        expect(Buffer.from(batch.records).equals(body.subarray(at, at + batch.records.length))).toBe(true)
        ends.push(...batch.ends.map((one) => at + one))
        at += batch.records.length
      }
      expect(ends).toEqual([...recordEnds])
      expect(Buffer.from(gotTail as unknown as Uint8Array).equals(end)).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('what is wrong comes after the whole records before it', async () => {
  const bytes = body.slice()
  bytes[recordEnds[4] as number] = 7
  const seen: number[] = []
  const reading = (async () => {
    for await (const { ends } of readRecordBatches(cut(bytes, [700]), { bytes: 1 << 20, records: 100 }, () => {
      throw new Error('it has no tail')
    })) {
      seen.push(ends.length)
    }
  })()
  await expect(reading).rejects.toMatchObject({ code: 'CHUNK_VERSION_UNKNOWN', data: { index: 5 } })
  expect(seen).toEqual([5])
})

test('a stream that ends inside a record is truncated', async () => {
  const reading = (async () => {
    for await (const _batch of readRecordBatches(cut(body.subarray(0, -1), [999]), { bytes: 4096, records: 9 }, () => {
      throw new Error('it has no tail')
    }));
  })()
  await expect(reading).rejects.toMatchObject({ code: 'XORB_TRUNCATED' })
})
