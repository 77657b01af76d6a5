import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GOLDEN_FOLDER, golden, goldenBytes } from '../../test/vectors/golden.ts'
import { type GoldenXorb, goldenInput, INPUT_NAMES } from '../../test/vectors/golden-inputs.ts'
import { inPieces, PIECE_SIZES } from '../../test/vectors/pieces.ts'
import { cook, type Recipe } from '../../test/vectors/recipe.ts'
import { groupingDivergence } from './byte-grouping.ts'
import { ChunkList } from './chunk-list.ts'
import { crc64Nvme } from './crc64nvme.ts'
import { chunksOf } from './file-chunker.ts'
import { chunkHash, type XorbHash } from './hash.ts'
import { type ChunkNode, xorbHash, xorbHashOfList } from './merkle.ts'
import { checkFooter, parseXorbFooter, writeXorbFooter } from './xorb-footer.ts'
import { readXorbChunks, type XorbChunk } from './xorb-reader.ts'
import { type BuiltXorb, XorbBuilder, type XorbWriterOptions } from './xorb-writer.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function readAll(body: Uint8Array, size: number = Number.POSITIVE_INFINITY) {
  let tail: Uint8Array = new Uint8Array(1)
  const chunks: XorbChunk[] = []
  const onTail = (bytes: Uint8Array) => {
    tail = bytes
  }
  for await (const chunk of readXorbChunks(inPieces(body, size), { onTail })) chunks.push(chunk)
  return { chunks, tail }
}

function build(chunks: readonly { hash: string }[], plainOf: Map<string, Uint8Array>, options?: XorbWriterOptions) {
  const builder = new XorbBuilder(options)
  for (const { hash } of chunks) builder.add(hash as never, plainOf.get(hash) as Uint8Array)
  return builder.finish()
}

const summary = ({ chunks }: Awaited<ReturnType<typeof readAll>>) => {
  return chunks.map(({ hash, plain, record }) => ({ hash, plain: sha256(plain), scheme: record[4] }))
}

describe.each(INPUT_NAMES.filter((name) => name !== 'empty.bin'))('xorbs of %s', (name) => {
  const { xorbs, plainOf } = goldenInput(name)

  test.each(xorbs)('the one of hf_xet holds the chunks that made it', async (xorb) => {
    if (xorb.file === null) return
    const body = goldenBytes(xorb.file)
    for (const size of PIECE_SIZES) {
      const { chunks, tail } = await readAll(body, size)
      expect(tail).toHaveLength(0)
      expect(chunks.map(({ hash }) => hash)).toEqual(xorb.chunks.map(({ hash }) => hash))
      for (const { hash, plain } of chunks) expect(Buffer.compare(plain, plainOf.get(hash) as Uint8Array)).toBe(0)
      expect(xorbHash(chunks.map(({ hash, plain }): ChunkNode => ({ hash, length: plain.length })))).toBe(xorb.hash)
    }
  })

  test.each(xorbs)('ours has its name, its schemes and, where nothing is compressed, its bytes', async (xorb) => {
    const ours = build(xorb.chunks, plainOf)
    expect(ours.hash).toBe(xorb.hash)
    const read = await readAll(ours.body)
    expect(summary(read).map(({ scheme }) => scheme)).toEqual(xorb.chunks.map(({ scheme }) => scheme))
    for (const { hash, plain } of read.chunks) expect(Buffer.compare(plain, plainOf.get(hash) as Uint8Array)).toBe(0)
    if (xorb.chunks.every(({ scheme }) => scheme === 0)) {
      expect(sha256(ours.body)).toBe(xorb.sha256)
      expect(ours.recordEnds.at(-1)).toBe(xorb.serializedLength)
    }
  })
})

test('grouping is predicted as the reference predicts it', () => {
  const { predictor } = golden<{
    predictor: { cases: Record<string, { offset: number; length: number; maxKl: number; bg4: boolean }[]> }
  }>('compression/bg4.json')
  for (const [name, cases] of Object.entries(predictor.cases)) {
    const { bytes } = goldenInput(name)
    for (const { offset, length, maxKl } of cases) {
      expect(groupingDivergence(bytes.subarray(offset, offset + length))).toBeCloseTo(maxKl, 12)
    }
  }
})

test.each(['none', 'lz4', 'bg4-lz4'] as const)(
  'policy %s gives the same xorb hash as that of hf_xet',
  async (policy) => {
    const { chunks, sha256: expected } = golden<GoldenXorb>(`compression/f32odd.policy-${policy}.json`)
    const { plainOf } = goldenInput('f32odd.bin')
    const theirs = await readAll(goldenBytes(`compression/f32odd.policy-${policy}.xorb`))
    const ours = build(chunks, plainOf, { compression: policy })
    expect(ours.hash).toBe(xorbHash(theirs.chunks.map(({ hash, plain }) => ({ hash, length: plain.length }))))
    expect(summary(await readAll(ours.body))).toEqual(summary(theirs))
    if (policy !== 'bg4-lz4') expect(sha256(ours.body)).toBe(expected)
  },
)

interface Scenario {
  inputs: string[]
  xorbs: GoldenXorb[]
}

test('files that share a xorb choose their compression anew', async () => {
  const { inputs, xorbs } = golden<Scenario>('scenarios/multi-file-commit/scenario.json')
  const [xorb] = xorbs as [GoldenXorb]
  const theirs = await readAll(goldenBytes(`scenarios/multi-file-commit/${xorb.hash}.xorb`))
  const builder = new XorbBuilder()
  for (const name of inputs
    .map((input) => input.split(' ')[0] as string)
    .filter((input) => INPUT_NAMES.includes(input))) {
    const { chunks, plainOf } = goldenInput(name)
    builder.startFile()
    for (const { hash } of chunks) builder.add(hash, plainOf.get(hash) as Uint8Array)
  }
  const ours = builder.finish()
  expect(ours.hash).toBe(xorb.hash)
  expect(summary(await readAll(ours.body))).toEqual(summary(theirs))
})

test('the xorbs of the JavaScript client, with linked LZ4 frames, are read', async () => {
  const folder = 'scenarios/js-client-huggingface-hub-2.17.5'
  const { xorbs } = golden<Scenario>(`${folder}/scenario.json`)
  let read = 0
  for (const { hash, chunks } of xorbs) {
    const file = `${folder}/${hash}.xorb`
    if (!existsSync(join(GOLDEN_FOLDER, file))) continue
    const theirs = await readAll(goldenBytes(file), 255)
    expect(theirs.chunks.map((chunk) => chunk.hash)).toEqual(chunks.map((chunk) => chunk.hash))
    read++
  }
  expect(read).toBe(readdirSync(join(GOLDEN_FOLDER, folder)).filter((name) => name.endsWith('.xorb')).length)
})

describe('footer', async () => {
  const bytes = goldenBytes('xorb/with-footer.xorb')
  const described = golden<GoldenXorb & { chunkDataEnd: number }>('xorb/with-footer.json')
  const { chunks, tail } = await readAll(bytes, 255)
  const list = ChunkList.of(chunks.map(({ hash, plain }) => ({ hash, length: plain.length })))
  const recordEnds = described.chunks.map(({ byteEnd }) => byteEnd)
  const check = (footer: Uint8Array) => () => checkFooter(footer, described.hash, list, recordEnds)

  test('is written and read as hf_xet writes it', () => {
    expect(tail).toEqual(bytes.subarray(described.chunkDataEnd))
    expect(xorbHashOfList(list)).toBe(described.hash)
    expect(writeXorbFooter({ hash: described.hash, chunks: list, recordEnds })).toEqual(tail)
    const footer = parseXorbFooter(tail)
    expect(footer.hash).toBe(described.hash)
    expect(footer.chunks.packed).toEqual(list.packed)
    expect([...(footer.recordEnds as Uint32Array)]).toEqual(recordEnds)
  })

  test('is accepted when absent or equal, with any nonce, and refused when one other byte differs', () => {
    expect(check(new Uint8Array(0))).not.toThrow()
    expect(check(tail)).not.toThrow()
    const nonceAt = tail.length - 20
    for (let i = 0; i < tail.length; i++) {
      const changed = tail.slice()
      changed[i] = (changed[i] as number) ^ 1
      if (i >= nonceAt && i < nonceAt + 4) expect(check(changed)).not.toThrow()
      else expect(check(changed)).toThrow(expect.objectContaining({ code: 'XORB_FOOTER_MISMATCH' }))
    }
  })

  test('is refused when cut or followed by anything', () => {
    for (let length = 1; length < tail.length; length++) {
      expect(check(tail.subarray(0, length))).toThrow(expect.objectContaining({ kind: 'integrity' }))
    }
    expect(check(Uint8Array.of(...tail, 0))).toThrow(expect.objectContaining({ code: 'XORB_FOOTER_MISMATCH' }))
  })
})

/** Cuts a file into xorbs where hf_xet does. */
function xorbsOf(chunks: Iterable<{ hash: never; plain: Uint8Array }>): BuiltXorb[] {
  const done: BuiltXorb[] = []
  let builder = new XorbBuilder()
  for (const { hash, plain } of chunks) {
    if (!builder.fits(plain.length)) {
      done.push(builder.finish())
      builder = new XorbBuilder()
    }
    builder.add(hash, plain)
  }
  return [...done, builder.finish()]
}

test('a xorb closes where hf_xet closes it: at 64 MiB plain', async () => {
  interface Big {
    recipe: Recipe
    xorbs: { hash: XorbHash; n: number; sha256OfBody: string }[]
  }
  const { recipe, xorbs } = golden<Big>('scenarios/big-70MiB.json')
  const chunks: { hash: never; plain: Uint8Array }[] = []
  for await (const plain of chunksOf(inPieces(cook(recipe), 8 * 1024 * 1024))) {
    chunks.push({ hash: chunkHash(plain) as never, plain: plain.slice() })
  }
  const ours = xorbsOf(chunks).map(({ hash, chunks: list, body }) => ({ hash, n: list.count, sha256: sha256(body) }))
  const theirs = xorbs.map(({ hash, n, sha256OfBody }) => ({ hash, n, sha256: sha256OfBody }))
  expect(ours.sort((a, b) => (a.hash < b.hash ? -1 : 1))).toEqual(theirs)
})

test('a xorb closes where hf_xet closes it: at 8192 chunks', () => {
  // Only the counts: the order in which the files of that capture met in a xorb was not that of their numbers.
  const { xorbs } = golden<{ xorbs: { n: number; bytesInXorb: number }[] }>('scenarios/tiny-8300-files.json')
  const chunks = Array.from({ length: 8300 }, (_, i) => {
    const plain = Uint8Array.of(i & 255, i >> 8, 0, 0)
    return { hash: chunkHash(plain) as never, plain }
  })
  const ours = xorbsOf(chunks).map(({ chunks: { count, plainBytes } }) => ({ n: count, bytesInXorb: plainBytes }))
  expect(ours).toEqual(xorbs.map(({ n, bytesInXorb }) => ({ n, bytesInXorb })))
})

test('CRC-64/NVME of bodies equals what hf_xet sends', () => {
  const { check, xorbFiles } = golden<{
    check: { utf8: string; decimal: string }
    xorbFiles: Record<string, { crc64nvme: string }>
  }>('hashing/crc64nvme.json')
  expect(crc64Nvme(new TextEncoder().encode(check.utf8)).toString()).toBe(check.decimal)
  for (const [file, { crc64nvme }] of Object.entries(xorbFiles)) {
    expect(crc64Nvme(goldenBytes(file)).toString()).toBe(crc64nvme)
  }
})
