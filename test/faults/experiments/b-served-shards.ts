/** Group B: shards with footers, and dedup answers that lie to a client. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../../src/base/app-error.ts'
import { ChunkList } from '../../../src/xet/chunk-list.ts'
import { SHARD_FOOTER_BYTES } from '../../../src/xet/constants.ts'
import { parseDedupShard } from '../../../src/xet/shard-reader.ts'
import { writeDedupShard } from '../../../src/xet/shard-writer.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import { type ForgedFile, forgeShard, forgeXorb, listOf, seededChunks, wholeFile } from '../forge.ts'
import { assertRefused, type Cas, type Lab } from '../lab.ts'

const FIELD = {
  version: 0,
  files: 8,
  xorbs: 16,
  lookup: 24,
  lookupCount: 32,
  chunkLookupCount: 64,
  key: 72,
  expiry: 112,
  own: 192,
}

/** A footer as the JavaScript client sends it: offsets right, lookups empty. */
function withFooter(file: ForgedFile, change: (footer: DataView) => void): Uint8Array {
  const bare = forgeShard({ files: [file] })
  const footer = new DataView(new ArrayBuffer(SHARD_FOOTER_BYTES))
  const put = (offset: number, value: number) => footer.setBigUint64(offset, BigInt(value), true)
  put(FIELD.version, 1)
  put(FIELD.files, 48)
  put(FIELD.xorbs, bare.length - 48)
  for (const offset of [24, 40, 56, FIELD.own]) put(offset, bare.length)
  change(footer)
  return forgeShard({ files: [file], footerBytes: SHARD_FOOTER_BYTES, tail: new Uint8Array(footer.buffer) })
}

export async function refusesBadFooters(
  lab: Lab,
  cas: Cas,
  file: ForgedFile,
  what: 'version' | 'offsets',
): Promise<void> {
  const right = await lab.putShard(
    cas,
    withFooter(file, () => undefined),
  )
  assert.equal(right.status, 200, `a right footer: ${right.body}`)
  const fields = what === 'version' ? [FIELD.version] : [FIELD.files, FIELD.xorbs, FIELD.lookup, FIELD.own]
  for (const field of fields) {
    // Clients that write no lookup tables may leave their offset zero.
    for (const value of field === FIELD.lookup ? [2n, 2n ** 63n] : [0n, 2n, 2n ** 63n]) {
      const shard = withFooter(file, (footer) => footer.setBigUint64(field, value, true))
      await lab.leavesNothing(async () => assertRefused(await lab.putShard(cas, shard), 400))
      assertParserRefuses((footer) => footer.setBigUint64(field, value, true), field)
    }
  }
}

/** What is served to us goes by its footer: a lie in it is malformed. */
function assertParserRefuses(change: (footer: DataView) => void, field: number): void {
  const xorb = forgeXorb(seededChunks(11, [100, 200]))
  const answer = writeDedupShard({
    xorbs: [{ hash: xorb.hash, chunks: ChunkList.of(xorb.nodes) }],
    key: new Uint8Array(32).fill(3),
    createdSeconds: 1,
    expirySeconds: 2 ** 40,
  })
  assert.equal(parseDedupShard(answer).xorbs.length, 1)
  change(new DataView(answer.buffer, answer.length - SHARD_FOOTER_BYTES))
  assert.throws(() => parseDedupShard(answer), AppError, `a dedup shard with a wrong field ${field} was read`)
}

/** B6: on upload the tables are not looked at; what is served comes from what was checked. */
export async function rebuildsLookups(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const cas = await lab.cas(repo)
  const xorb = forgeXorb(seededChunks(lab.next(), [900, 1000]))
  assert.equal((await lab.putXorb(cas, xorb.hash, xorb.body)).status, 200)
  const file = wholeFile(xorb)
  const bare = forgeShard({ files: [file], xorbs: [listOf(xorb)] })
  const lookups = new Uint8Array(12 + 12 + 16)
  lookups.fill(0xee)
  const footer = new DataView(new ArrayBuffer(SHARD_FOOTER_BYTES))
  const put = (offset: number, value: number) => footer.setBigUint64(offset, BigInt(value), true)
  const end = bare.length
  const xorbsAt = 48 * (1 + 1 + file.terms.length + file.ranges.length + 1)
  const values: [number, number][] = [
    [FIELD.version, 1],
    [FIELD.files, 48],
    [FIELD.xorbs, xorbsAt],
    [24, end],
    [32, 1],
    [40, end + 12],
    [48, 1],
    [56, end + 24],
    [64, 1],
    [FIELD.own, end + lookups.length],
  ]
  for (const [offset, value] of values) put(offset, value)
  const tail = Buffer.concat([lookups, new Uint8Array(footer.buffer)])
  const shard = forgeShard({ files: [file], xorbs: [listOf(xorb)], footerBytes: SHARD_FOOTER_BYTES, tail })
  const reply = await lab.putShard(cas, shard)
  assert.equal(reply.status, 200, `${reply.body}`)
  const plan = await lab.send(`${cas.path}/v1/reconstructions/${file.hash}`, { token: cas.token })
  assert.equal(plan.status, 200, `${plan.body}`)
  const served = Buffer.concat([bare, lookups, new Uint8Array(footer.buffer)])
  assert.throws(() => parseDedupShard(new Uint8Array(served)), AppError, 'lying lookup tables were read')
}

/** B16: a dedup answer that is expired, keyed otherwise or cut; the upload goes on and the file is right. */
export async function ignoresBadDedup(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const folder = await lab.scratch()
  const content = randomBytes(3 << 20)
  await mkdir(join(folder, 'in'))
  await writeFile(join(folder, 'in', 'a.bin'), content)
  const first = await lab.run(['push', repo, join(folder, 'in'), '--json'], { folder })
  assert.equal(first.code, 0, first.stdout + first.stderr)
  let spoiled = 0
  const lies: ((body: Buffer) => Buffer)[] = [
    (body) => setField(body, FIELD.expiry, 1n),
    (body) => setField(body, FIELD.key, 0x1234_5678n),
    (body) => body.subarray(0, body.length - 10),
    (body) => setField(body, FIELD.own, 7n),
  ]
  for (const [i, lie] of lies.entries()) {
    const proxy = await LyingProxy.start(lab.hub.url, (exchange, answer) => {
      if (/\/v1\/chunks\//.test(exchange.path) && answer.status === 200) {
        answer.body = lie(answer.body)
        spoiled++
      }
      return answer
    })
    const changed = Buffer.concat([content, Buffer.from(`version ${i}`)])
    await writeFile(join(folder, 'in', 'a.bin'), changed)
    const push = await lab.run(['push', repo, join(folder, 'in'), '--json'], {
      folder: await lab.scratch(),
      endpoint: proxy.url,
    })
    await proxy.close()
    assert.equal(push.code, 0, push.stdout + push.stderr)
    const back = await lab.send(`/${repo}/resolve/main/a.bin`, { token: lab.alice })
    assert.ok(back.body.equals(changed), 'the file differs')
  }
  assert.ok(spoiled >= lies.length, `only ${spoiled} dedup answers passed by`)
  return `${spoiled} answers spoiled`
}

function setField(body: Buffer, field: number, value: bigint): Buffer {
  const copy = Buffer.from(body)
  copy.writeBigUInt64LE(value, copy.length - SHARD_FOOTER_BYTES + field)
  return copy
}
