/** Group A, the larger experiments: legal oddities, limits, what follows the chunks, and one flipped bit anywhere. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { AppError } from '../../../src/base/app-error.ts'
import { parseHash, type XorbHash } from '../../../src/xet/hash.ts'
import { readXorbChunks } from '../../../src/xet/xorb-reader.ts'
import { concat, forgeFile, forgeRecord, forgeShard, forgeXorb, listOf, seededBytes, seededChunks } from '../forge.ts'
import { assertRefused, type Lab } from '../lab.ts'
import { blockOf, frameOf, literalBytes } from './lz4-forge.ts'

const VECTORS = new URL('../../vectors/xet/', import.meta.url)
const FOOTER_IDENT = Buffer.from('XETBLOB')
const ANY_HASH = 'cd'.repeat(32)

async function readVector(name: string) {
  const body = new Uint8Array(await readFile(new URL(name, VECTORS)))
  const plain: Uint8Array[] = []
  for await (const chunk of readXorbChunks(piecesOf(body))) plain.push(Uint8Array.from(chunk.plain))
  return { body, ...pickXorb(plain) }
}

function pickXorb(plain: readonly Uint8Array[]) {
  const { hash, nodes } = forgeXorb(plain)
  return { hash, nodes, plain }
}

async function* piecesOf(body: Uint8Array): AsyncIterable<Uint8Array> {
  yield body
}

/** A12: uploaded in hf_xet's own bytes, read back, equal to the uncompressed vector. */
export async function acceptsOddGroups(lab: Lab): Promise<void> {
  const grouped = await readVector('compression/f32odd.policy-bg4-lz4.xorb')
  const reference = await readVector('compression/f32odd.policy-none.xorb')
  assert.ok(
    grouped.plain.some(({ length }) => length % 4 !== 0),
    'the vector has no odd chunk',
  )
  const repo = await lab.freshRepo()
  const cas = await lab.cas(repo)
  const put = await lab.putXorb(cas, grouped.hash, grouped.body)
  assert.equal(put.status, 200, `${put.body}`)
  const file = forgeFile([{ xorb: { ...grouped, plain: grouped.plain }, start: 0, end: grouped.nodes.length }])
  const shard = await lab.putShard(cas, forgeShard({ files: [file], xorbs: [listOf(grouped)] }))
  assert.equal(shard.status, 200, `${shard.body}`)
  assert.deepEqual(concat(grouped.plain), concat(reference.plain))
  const plan = await lab.send(`${cas.path}/v1/reconstructions/${file.hash}`, { token: cas.token })
  const info = (plan.json() as { fetch_info: Record<string, { url: string }[]> }).fetch_info[grouped.hash]?.[0]
  assert.ok(info, `${plan.body}`)
  const url = new URL(info.url)
  const stored = await lab.send(url.pathname + url.search)
  const back: Uint8Array[] = []
  for await (const chunk of readXorbChunks(piecesOf(stored.body))) back.push(Uint8Array.from(chunk.plain))
  assert.deepEqual(concat(back), concat(reference.plain))
}

/** A13. */
export async function refusesTooMuch(lab: Lab): Promise<string> {
  const cas = await lab.cas()
  const tiny = forgeRecord({ payload: Uint8Array.of(1), plainLength: 1 })
  const growth = await lab.watchMemory()
  await lab.leavesNothing(async () => {
    const many = concat(new Array(8193).fill(tiny))
    assertRefused(await lab.putXorb(cas, ANY_HASH, many), [400, 413], 'XORB_TOO_MANY_CHUNKS')
    const chunk = forgeRecord({ payload: seededBytes(4, 131_072), plainLength: 131_072 })
    const announced = concat(new Array(560).fill(chunk))
    assertRefused(await lab.putXorb(cas, ANY_HASH, announced), 413)
    assertRefused(await lab.putXorb(cas, ANY_HASH, repeat(chunk, 560)), 413, 'XORB_TOO_LARGE')
    // 1 GiB and more of plain bytes needs more than 8,192 of the largest chunks: the count refuses it.
    const zeros = zeroChunk()
    assertRefused(await lab.putXorb(cas, ANY_HASH, repeat(zeros, 8193)), [400, 413])
  })
  assert.ok(growth() < 192 << 20, `resident memory grew by ${growth()}`)
  return `memory +${Math.round(growth() / 1048576)} MiB`
}

async function* repeat(piece: Uint8Array, count: number): AsyncIterable<Uint8Array> {
  for (let i = 0; i < count; i++) yield piece
}

/** 128 KiB of one byte in about 520 bytes. */
function zeroChunk(): Uint8Array {
  const matched = 131_072 - 1 - 12
  const rest = matched - 4 - 15
  const block = Uint8Array.from([
    0x1f,
    0,
    1,
    0,
    ...new Array(Math.floor(rest / 255)).fill(255),
    rest % 255,
    0xc0,
    ...new Array(12).fill(0),
  ])
  return forgeRecord({ payload: frameOf([blockOf(block)], { blockSize: 5 }), plainLength: 131_072, scheme: 1 })
}

/** A14. */
export async function refusesTails(lab: Lab): Promise<void> {
  const cas = await lab.cas()
  const { hash, body } = forgeXorb(seededChunks(6, [700, 800]))
  const whole = await readVector('xorb/with-footer.xorb')
  const footerAt = Buffer.from(whole.body).indexOf(FOOTER_IDENT)
  await lab.leavesNothing(async () => {
    for (const tail of [Uint8Array.of(1, 2, 3), seededBytes(8, 60), new Uint8Array(200), FOOTER_IDENT]) {
      assertRefused(await lab.putXorb(cas, hash, concat([body, tail])), 400)
    }
    const half = whole.body.subarray(0, footerAt + Math.floor((whole.body.length - footerAt) / 2))
    assertRefused(await lab.putXorb(cas, whole.hash, half), 400)
    assertRefused(await lab.putXorb(cas, whole.hash, concat([whole.body, Uint8Array.of(0)])), 400)
  })
}

/** A15: each field of a right footer changed; then the right one is taken, and only the records are stored. */
export async function refusesWrongFooters(lab: Lab): Promise<void> {
  const cas = await lab.cas()
  const whole = await readVector('xorb/with-footer.xorb')
  const bytes = Buffer.from(whole.body)
  const at = bytes.indexOf(FOOTER_IDENT)
  const hashes = bytes.indexOf('XBLBHSH', at)
  const bounds = bytes.indexOf('XBLBBND', at)
  await lab.leavesNothing(async () => {
    for (const place of [at + 8, hashes + 8, hashes + 12, bounds + 8, bounds + 12, bytes.length - 4]) {
      const lie = Buffer.from(bytes)
      lie[place] = (lie[place] as number) ^ 1
      assertRefused(await lab.putXorb(cas, whole.hash, lie), 400)
    }
  })
  const put = await lab.putXorb(cas, whole.hash, whole.body)
  assert.equal(put.status, 200, `${put.body}`)
}

/**
 * A17: every bit of a xorb of ten chunks in all three schemes. A few bits of LZ4 mean nothing (the match length of a
 * last sequence): a body that still decodes to the very same chunks is right and may be taken.
 */
export async function findsEveryFlip(lab: Lab): Promise<string> {
  const cas = await lab.cas()
  const plain = seededChunks(7, [21, 22, 23, 24, 25, 26, 27, 28, 29, 30])
  const body = concat(plain.map((bytes, i) => recordIn(i % 3, bytes)))
  const hash: XorbHash = parseHash<'xorb'>(forgeXorb(plain).hash)
  const bits = Array.from({ length: 8 * body.length }, (_, bit) => bit)
  let found = 0
  const harmless: number[] = []
  await lab.leavesNothing(async () => {
    const tryFlip = async (bit: number) => {
      const lie = flipped(body, bit)
      if (await decodesTo(lie, plain)) {
        harmless.push(bit)
        return
      }
      const reply = await lab.putXorb(cas, hash, lie)
      assert.equal(reply.status, 400, `bit ${bit} of ${8 * body.length}: ${reply.status}`)
      found++
    }
    const worker = async () => {
      for (let bit = bits.pop(); bit !== undefined; bit = bits.pop()) await tryFlip(bit)
    }
    await Promise.all(Array.from({ length: 8 }, worker))
  })
  assert.ok(harmless.length < 0.02 * 8 * body.length, `${harmless.length} flips change nothing`)
  const right = await lab.putXorb(cas, hash, body)
  assert.equal(right.status, 200, `the unspoiled xorb: ${right.body}`)
  return `${found} of ${found} harmful flips found, ${harmless.length} without meaning`
}

function flipped(body: Uint8Array, bit: number): Uint8Array {
  const lie = Uint8Array.from(body)
  lie[bit >> 3] = (lie[bit >> 3] as number) ^ (1 << (bit & 7))
  return lie
}

async function decodesTo(body: Uint8Array, plain: readonly Uint8Array[]): Promise<boolean> {
  const found: Uint8Array[] = []
  try {
    for await (const chunk of readXorbChunks(piecesOf(body))) found.push(Uint8Array.from(chunk.plain))
  } catch (error) {
    if (error instanceof AppError) return false
    throw error
  }
  return found.length === plain.length && found.every((bytes, i) => Buffer.compare(bytes, plain[i] as Uint8Array) === 0)
}

function recordIn(scheme: number, plain: Uint8Array): Uint8Array {
  if (scheme === 0) return forgeRecord({ payload: plain, plainLength: plain.length })
  const grouped = scheme === 1 ? plain : concat([0, 1, 2, 3].map((k) => plain.filter((_, i) => i % 4 === k)))
  return forgeRecord({ payload: frameOf([blockOf(literalBytes(grouped))]), plainLength: plain.length, scheme })
}
