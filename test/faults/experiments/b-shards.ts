/** Group B: shards that claim what is not so. Each is refused with nothing stored and nothing named. */
import assert from 'node:assert/strict'
import type { Hash } from '../../../src/xet/hash.ts'
import type { Experiments } from '../experiment.ts'
import {
  type ForgedFile,
  type ForgedShard,
  type ForgedTerm,
  type ForgedXorb,
  forgeFile,
  forgeShard,
  forgeXorb,
  listOf,
  seededChunks,
  wholeFile,
} from '../forge.ts'
import { assertRefused, type Cas, type Lab } from '../lab.ts'
import { keepsOneCopy, refusesExplosion, takesExtremes } from './b-large-shards.ts'
import { hidesForeignXorbs } from './b-rights.ts'
import { ignoresBadDedup, rebuildsLookups, refusesBadFooters } from './b-served-shards.ts'

const OTHER_HASH = `${'e'.repeat(63)}1`

/** Two stored xorbs of three chunks each and the file that the first one makes. */
async function stored(lab: Lab): Promise<{ cas: Cas; one: ForgedXorb; two: ForgedXorb; file: ForgedFile }> {
  const cas = await lab.cas(await lab.freshRepo())
  const one = forgeXorb(seededChunks(lab.next(), [900, 1000, 1100]))
  const two = forgeXorb(seededChunks(lab.next(), [900, 1000, 1100]))
  for (const { hash, body } of [one, two]) {
    const reply = await lab.putXorb(cas, hash, body)
    assert.equal(reply.status, 200, `${reply.body}`)
  }
  return { cas, one, two, file: wholeFile(one) }
}

async function refuses(
  lab: Lab,
  cas: Cas,
  shard: ForgedShard | Uint8Array,
  status: number | readonly number[] = 400,
): Promise<void> {
  const body = shard instanceof Uint8Array ? shard : forgeShard(shard)
  await lab.leavesNothing(async () => assertRefused(await lab.putShard(cas, body), status))
  // The one by which clients send them first must say the same before it has committed to a 200.
  const v2 = await lab.send(`${cas.path}/v2/shards`, { method: 'POST', token: cas.token, body, timeoutMs: 120_000 })
  if (v2.status === 200) {
    const last = JSON.parse(v2.body.toString().trim().split('\n').at(-1) ?? '{}') as {
      type?: string
      retryable?: boolean
    }
    assert.equal(last.type, 'error', `v2 answered ${v2.body}`)
  } else assertRefused(v2, status)
}

function withTerm(file: ForgedFile, change: Partial<ForgedTerm>): ForgedFile {
  return { ...file, terms: file.terms.map((term) => ({ ...term, ...change })) }
}

export const SHARD_EXPERIMENTS: Experiments = {
  async B1(lab) {
    const { cas, file } = await stored(lab)
    const right = forgeShard({ files: [file] })
    const wrongTag = Uint8Array.from(right)
    wrongTag[5] = (wrongTag[5] as number) ^ 1
    await refuses(lab, cas, wrongTag)
    await refuses(lab, cas, { files: [file], version: 1 })
    await refuses(lab, cas, { files: [file], version: 3 })
    await refuses(lab, cas, new Uint8Array(0))
    await refusesBadFooters(lab, cas, file, 'version')
  },
  async B2(lab) {
    const { cas, one, file } = await stored(lab)
    const growth = await lab.watchMemory()
    await refuses(lab, cas, { files: [{ ...file, termCount: 0xffffffff }] })
    await refuses(lab, cas, { files: [file], xorbs: [{ ...listOf(one), chunkCount: 0xffffffff }] })
    assert.ok(growth() < 32 << 20, `resident memory grew by ${growth()}`)
  },
  async B3(lab) {
    const { cas, file } = await stored(lab)
    for (const termCount of [0x7fffffff, 0x80000000, 0x80000001])
      await refuses(lab, cas, { files: [{ ...file, termCount }] })
  },
  async B4(lab) {
    const { cas, one, file } = await stored(lab)
    await refuses(lab, cas, { files: [file], bookends: false })
    await refuses(lab, cas, { files: [file], xorbs: [listOf(one)], bookends: false })
    await refuses(lab, cas, forgeShard({ files: [file] }).subarray(0, -48))
  },
  async B5(lab) {
    const { cas, file } = await stored(lab)
    await refusesBadFooters(lab, cas, file, 'offsets')
  },
  B6: rebuildsLookups,
  async B7(lab) {
    const { cas, file } = await stored(lab)
    await refuses(lab, cas, { files: [withTerm(file, { xorb: OTHER_HASH as Hash })] })
    await refuses(lab, cas, { files: [file], xorbs: [{ hash: OTHER_HASH as Hash, chunks: [] }] })
  },
  async B8(lab) {
    const { cas, file } = await stored(lab)
    for (const [start, end] of [
      [0, 4],
      [3, 3],
      [2, 1],
      [3, 4],
      [0xffffffff, 1],
      [0, 0],
    ] as const) {
      await refuses(lab, cas, { files: [withTerm(file, { start, end })] })
    }
  },
  async B9(lab) {
    const { cas, file } = await stored(lab)
    for (const plainLength of [0, 2999, 3001, 0xffffffff])
      await refuses(lab, cas, { files: [withTerm(file, { plainLength })] })
  },
  async B10(lab) {
    const { cas, file, two } = await stored(lab)
    await refuses(lab, cas, { files: [{ ...file, ranges: wholeFile(two).ranges }] })
    await refuses(lab, cas, { files: [{ ...file, ranges: [OTHER_HASH as Hash] }] })
  },
  async B11(lab) {
    const { cas, file, two } = await stored(lab)
    await refuses(lab, cas, { files: [{ ...file, hash: wholeFile(two).hash }] })
    await refuses(lab, cas, { files: [{ ...file, hash: '0'.repeat(64) as Hash }] })
    await refuses(lab, cas, { files: [{ ...file, sha256: OTHER_HASH }] })
  },
  async B12(lab) {
    const { cas, one, two, file } = await stored(lab)
    const [a, b, c] = one.nodes
    assert.ok(a && b && c)
    await refuses(lab, cas, { files: [file], xorbs: [{ hash: one.hash, chunks: [b, a, c] }] })
    await refuses(lab, cas, { files: [file], xorbs: [{ hash: one.hash, chunks: [a, b] }] })
    await refuses(lab, cas, {
      files: [file],
      xorbs: [{ hash: one.hash, chunks: [{ ...a, length: a.length + 1 }, { ...b, length: b.length - 1 }, c] }],
    })
    await refuses(lab, cas, { files: [file], xorbs: [{ hash: one.hash, chunks: two.nodes }] })
  },
  B13: hidesForeignXorbs,
  async B14(lab) {
    const cas = await lab.cas()
    const growth = await lab.watchMemory()
    await refuses(lab, cas, new Uint8Array(67 << 20), 413)
    return `memory +${Math.round(growth() / 1048576)} MiB`
  },
  async B15(lab) {
    const { cas, one, file } = await stored(lab)
    const split = forgeFile([
      { xorb: one, start: 0, end: 1 },
      { xorb: one, start: 1, end: 3 },
    ])
    assert.equal(split.hash, file.hash)
    await refuses(lab, cas, { files: [file, split] })
    const twice = await lab.putShard(cas, forgeShard({ files: [file, file] }))
    assert.equal(twice.status, 200, `${twice.body}`)
  },
  B16: ignoresBadDedup,
  B17: takesExtremes,
  async B18(lab) {
    const { cas, file } = await stored(lab)
    const [term] = file.terms
    const [range] = file.ranges
    assert.ok(term && range)
    // As many lying terms as a shard may hold; their lengths reach 2^51, and no shard can say more.
    const count = 600_000
    const lie = { ...term, plainLength: 0xffffffff }
    await refuses(
      lab,
      cas,
      { files: [{ ...file, terms: new Array(count).fill(lie), ranges: new Array(count).fill(range) }] },
      [400, 413],
    )
  },
  B19: keepsOneCopy,
  B20: refusesExplosion,
}
