import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inPieces } from '../../test/vectors/pieces.ts'
import { cook, splitmix64 } from '../../test/vectors/recipe.ts'
import { AppError } from '../base/app-error.ts'
import { chunkHash } from './hash.ts'
import { writeXorbFooter } from './xorb-footer.ts'
import { type ReadXorbOptions, readXorbChunks } from './xorb-reader.ts'
import { writeRecordHeader, XorbBuilder } from './xorb-writer.ts'

const text = cook([{ op: 'textlines', seed: 1, length: 4000 }])
const plains = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? text.slice(0, 900 + i) : splitmix64(i, 300 + i)))
const built = (() => {
  const builder = new XorbBuilder()
  for (const plain of plains) builder.add(chunkHash(plain), plain)
  return builder.finish()
})()
const hashes = plains.map((plain) => chunkHash(plain))

async function read(body: Uint8Array, options: ReadXorbOptions = {}, size = 100) {
  const found = []
  for await (const chunk of readXorbChunks(inPieces(body, size), options)) found.push(chunk)
  return found
}

const refusal = (code: string, kind = 'integrity') => expect.objectContaining({ kind, code })

function record(header: { version?: number; scheme?: number; storedLength: number; plainLength: number }, payload = 0) {
  const bytes = new Uint8Array(8 + payload)
  writeRecordHeader(bytes, 0, { scheme: 0, ...header })
  bytes[0] = header.version ?? 0
  return bytes
}

test('any chunks come back, whatever the pieces, footer or not', async () => {
  const footer = writeXorbFooter(built)
  for (const size of [1, 7, 64, 1e9]) {
    for (const tail of [new Uint8Array(0), footer]) {
      const options = { expected: hashes, onTail: (bytes: Uint8Array) => expect(bytes).toEqual(tail) }
      const found = await read(Uint8Array.of(...built.body, ...tail), options, size)
      expect(found.map(({ plain }) => plain)).toEqual(plains)
      expect(Buffer.concat(found.map((chunk) => chunk.record)).equals(built.body)).toBe(true)
    }
  }
})

test('a run of chunks from the middle is read with the indexes it has in its xorb', async () => {
  const [start, end] = [built.recordEnds[3] as number, built.recordEnds[6] as number]
  const found = await read(built.body.subarray(start, end), { firstIndex: 4, expected: hashes.slice(4, 7) })
  expect(found.map(({ index }) => index)).toEqual([4, 5, 6])
})

test('A1 A2 a body cut anywhere but between records is refused', async () => {
  const ends = new Set([0, ...built.recordEnds])
  for (let length = 0; length < built.body.length; length++) {
    const cut = read(built.body.subarray(0, length), {}, 4096)
    if (ends.has(length)) await cut
    else await expect(cut).rejects.toThrow(refusal('XORB_TRUNCATED'))
  }
})

test.each([
  ['A3 a stored length of 16 MiB', record({ storedLength: 0xffffff, plainLength: 100 }), 'CHUNK_STORED_LENGTH_BAD'],
  ['A4 a plain length of 16 MiB', record({ storedLength: 100, plainLength: 0xffffff }), 'CHUNK_PLAIN_LENGTH_BAD'],
  ['A5 a plain length of zero', record({ storedLength: 1, plainLength: 0 }, 1), 'CHUNK_PLAIN_LENGTH_BAD'],
  ['A5 a stored length of zero', record({ storedLength: 0, plainLength: 1 }), 'CHUNK_STORED_LENGTH_BAD'],
  ['A6 version 1', record({ version: 1, storedLength: 1, plainLength: 1 }, 1), 'CHUNK_VERSION_UNKNOWN'],
  ['A6 version 255', record({ version: 255, storedLength: 1, plainLength: 1 }, 1), 'CHUNK_VERSION_UNKNOWN'],
  ['a stored chunk of another length', record({ storedLength: 3, plainLength: 2 }, 3), 'CHUNK_LENGTH_MISMATCH'],
])('%s is refused before anything is allocated for it', async (_, body, code) => {
  await expect(read(body)).rejects.toThrow(refusal(code))
})

test('A7 an unknown scheme is refused as unsupported', async () => {
  const body = record({ scheme: 177, storedLength: 1, plainLength: 1 }, 1)
  await expect(read(body)).rejects.toThrow(refusal('COMPRESSION_UNKNOWN', 'unsupported'))
})

test('A13 the 8193rd chunk is refused', async () => {
  const one = record({ storedLength: 1, plainLength: 1 }, 1)
  const many = Buffer.concat(Array.from({ length: 8193 }, () => one))
  await expect(read(many, {}, 65_536)).rejects.toThrow(refusal('XORB_TOO_MANY_CHUNKS'))
})

test('A17 one flipped bit anywhere is refused or changes no plain byte', async () => {
  for (let at = 0; at < built.body.length; at++) {
    const bad = built.body.slice()
    bad[at] = (bad[at] as number) ^ (1 << (at % 8))
    const outcome = await read(bad, { expected: hashes }, 1e9).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(AppError)
    else expect((outcome as { plain: Uint8Array }[]).map(({ plain }) => plain)).toEqual(plains)
  }
})

test('chunks that are not the expected ones, too many or too few, are refused', async () => {
  await expect(read(built.body, { expected: [...hashes].reverse() })).rejects.toThrow(refusal('CHUNK_HASH_MISMATCH'))
  await expect(read(built.body, { expected: hashes.slice(0, 9) })).rejects.toThrow(refusal('CHUNK_HASH_MISMATCH'))
  await expect(read(built.body, { expected: [...hashes, ...hashes] })).rejects.toThrow(refusal('XORB_TOO_FEW_CHUNKS'))
})

test('trusted bytes are not hashed unless asked, but still checked for their form', async () => {
  const found = await read(built.body, { trusted: true, expected: [...hashes].reverse() })
  expect(found.map(({ hash }) => hash)).toEqual(hashes)
  await expect(read(built.body.subarray(0, 50), { trusted: true })).rejects.toThrow(refusal('XORB_TRUNCATED'))
})

test('any bytes at all end in chunks or an error of ours, and the source is closed', async () => {
  let closed = 0
  const source = async function* (bytes: Uint8Array) {
    try {
      yield bytes
      yield bytes
    } finally {
      closed++
    }
  }
  let runs = 0
  const start = fc.constantFrom(...built.recordEnds, 0)
  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 60 }), async (at, junk) => {
      runs++
      try {
        for await (const { plain } of readXorbChunks(source(Uint8Array.of(...built.body.subarray(at), ...junk)))) {
          expect(plain.length).toBeGreaterThan(0)
        }
      } catch (error) {
        expect(error).toBeInstanceOf(AppError)
      }
      expect(closed).toBe(runs)
    }),
    { numRuns: 500 },
  )
})
