/** Group A: bodies that are no right xorb. Uploads are refused with nothing stored; downloads end in exit 13. */
import assert from 'node:assert/strict'
import type { Experiments } from '../experiment.ts'
import { concat, FILLING, type ForgedRecord, forgeRecord, forgeXorb, seededBytes, seededChunks } from '../forge.ts'
import { assertRefused, type Lab } from '../lab.ts'
import { assertNothingDelivered, pullThrough, spoilXorb } from '../spoil.ts'
import { acceptsOddGroups, findsEveryFlip, refusesTails, refusesTooMuch, refusesWrongFooters } from './a-whole-xorbs.ts'
import { blockOf, frameOf, literals } from './lz4-forge.ts'

const ANY_HASH = 'ab'.repeat(32)
const LZ4 = 1

/** One forged record behind a good one, uploaded under any name: refused, and with this code where one is named. */
async function refusesRecord(lab: Lab, record: ForgedRecord, code?: string): Promise<void> {
  const good = forgeRecord({ payload: seededBytes(1, 100), plainLength: 100 })
  await refusesBody(lab, concat([good, forgeRecord(record)]), 400, code)
}

async function refusesBody(
  lab: Lab,
  body: Uint8Array,
  status: number | readonly number[],
  code?: string,
): Promise<void> {
  const cas = await lab.cas()
  await lab.leavesNothing(async () => assertRefused(await lab.putXorb(cas, ANY_HASH, body), status, code))
}

/** The same damage on the way to a client that has no other source. */
async function pullRefuses(lab: Lab, change: (body: Buffer) => Buffer): Promise<void> {
  const repo = await lab.freshRepo()
  const file = await lab.publish(repo, 'model.bin', seededChunks(lab.next(), [30_000, 40_000, 20_000, ...FILLING]))
  await assertNothingDelivered(await pullThrough(lab, repo, spoilXorb(change)), file)
}

const PAYLOAD = seededBytes(2, 1000)

/** Every refusal of LZ4 comes in bounded time and memory. */
async function refusesFrame(lab: Lab, frame: Uint8Array, plainLength: number, code?: string): Promise<number> {
  const cas = await lab.cas()
  const growth = await lab.watchMemory()
  await lab.leavesNothing(async () => {
    const body = forgeRecord({ payload: frame, plainLength, scheme: LZ4 })
    assertRefused(await lab.putXorb(cas, ANY_HASH, body), 400, code)
  })
  return growth()
}

export const XORB_EXPERIMENTS: Experiments = {
  async A1(lab) {
    const { body } = forgeXorb(seededChunks(3, [500, 500]))
    await refusesBody(lab, body.subarray(0, 512), 400, 'XORB_TRUNCATED')
    // The last record ends three bytes before the end: what follows is half a header.
    await pullRefuses(lab, (bytes) => withLength(bytes, 70_016, 20_000 - 3))
  },
  async A2(lab) {
    const { body } = forgeXorb(seededChunks(3, [500, 500]))
    await refusesBody(lab, body.subarray(0, 700), 400, 'XORB_TRUNCATED')
    await pullRefuses(lab, (bytes) => withLength(bytes, 70_016, 20_001))
  },
  async A3(lab) {
    const growth = await lab.watchMemory()
    await refusesRecord(lab, { payload: PAYLOAD, plainLength: 1000, storedLength: 0xffffff }, 'CHUNK_STORED_LENGTH_BAD')
    assert.ok(growth() < 16 << 20, 'the claimed length was allocated')
    await pullRefuses(lab, (bytes) => withLength(bytes, 0, 0xffffff))
  },
  async A4(lab) {
    const growth = await lab.watchMemory()
    await refusesRecord(lab, { payload: PAYLOAD, plainLength: 0xffffff }, 'CHUNK_PLAIN_LENGTH_BAD')
    assert.ok(growth() < 16 << 20, 'the claimed length was allocated')
  },
  async A5(lab) {
    await refusesRecord(lab, { payload: PAYLOAD, plainLength: 0 }, 'CHUNK_PLAIN_LENGTH_BAD')
    await refusesRecord(lab, { payload: new Uint8Array(0), plainLength: 1000 }, 'CHUNK_STORED_LENGTH_BAD')
  },
  async A6(lab) {
    for (let version = 1; version < 256; version++) {
      const body = forgeRecord({ payload: PAYLOAD, plainLength: 1000, version })
      assertRefused(await lab.putXorb(await casOnce(lab), ANY_HASH, body), 400, 'CHUNK_VERSION_UNKNOWN')
    }
  },
  async A7(lab) {
    await refusesRecord(lab, { payload: PAYLOAD, plainLength: 1000, scheme: 177 }, 'COMPRESSION_UNKNOWN')
    const repo = await lab.freshRepo()
    const file = await lab.publish(repo, 'model.bin', seededChunks(lab.next(), [30_000, ...FILLING]))
    const spoiled = await pullThrough(
      lab,
      repo,
      spoilXorb((bytes) => changed(bytes, 4, 177)),
    )
    await assertNothingDelivered(spoiled, file, spoiled.finished.code === 13 ? 13 : 20)
  },
  async A8(lab) {
    // One literal, then a match of distance 1 that runs on for 4 MiB: a ratio of 255 to 1.
    const block = Uint8Array.from([0x1f, 0x41, 1, 0, ...new Array(16_448).fill(255), 0, ...literals(12)])
    const grown = await refusesFrame(lab, frameOf([blockOf(block)], { blockSize: 7 }), 1000)
    assert.ok(grown < 16 << 20, `resident memory grew by ${grown}`)
    return `memory +${Math.round(grown / 1024)} KiB`
  },
  async A9(lab) {
    await refusesFrame(lab, frameOf([blockOf(literals(50))]), 1000, 'CHUNK_LENGTH_MISMATCH')
  },
  async A10(lab) {
    for (const offset of [0, 5, 60_000]) {
      const block = Uint8Array.from([0x44, 65, 66, 67, 68, offset & 255, offset >> 8, ...literals(12)])
      await refusesFrame(lab, frameOf([blockOf(block)]), 4 + 8 + 12)
    }
  },
  async A11(lab) {
    const block = blockOf(literals(100))
    const started = process.hrtime.bigint()
    await refusesFrame(lab, frameOf([block], { contentSize: 99n }), 100)
    await refusesFrame(lab, frameOf([block], { contentSize: 2n ** 63n }), 100)
    await refusesFrame(lab, frameOf([block], { contentChecksum: 0x12345678 }), 100)
    await refusesFrame(lab, frameOf([block], { headerChecksum: 0x5a }), 100)
    await refusesFrame(lab, frameOf([block], { dictionary: 7 }), 100)
    await refusesFrame(lab, Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4, ...frameOf([block])]), 100)
    // As many empty blocks as a record of the largest legal length can hold.
    const empty = new Array(60_000).fill(Uint8Array.of(0, 0, 0, 0x80))
    await refusesFrame(lab, frameOf([...empty, block]), 101)
    const ms = Number((process.hrtime.bigint() - started) / 1_000_000n)
    assert.ok(ms < 10_000, `${ms} ms`)
  },
  A12: acceptsOddGroups,
  A13: refusesTooMuch,
  A14: refusesTails,
  A15: refusesWrongFooters,
  async A16(lab) {
    const { body } = forgeXorb(seededChunks(5, [500, 500]))
    await refusesBody(lab, body, 400, 'XORB_HASH_MISMATCH')
    // On the way down: the right shape, the bytes of another xorb.
    await pullRefuses(lab, () => Buffer.from(forgeXorb(seededChunks(99, [30_000, 40_000, 20_000, ...FILLING])).body))
  },
  A17: findsEveryFlip,
  async A18(lab) {
    const cas = await lab.cas()
    const { hash, body } = forgeXorb(seededChunks(lab.next(), new Array(40).fill(100_000)))
    const replies = await Promise.all([lab.putXorb(cas, hash, body), lab.putXorb(cas, hash, body)])
    for (const reply of replies) assert.equal(reply.status, 200, `${reply.body}`)
    const inserted = replies.map((reply) => reply.json().was_inserted)
    assert.deepEqual(inserted.sort(), [false, true])
    assert.equal((await lab.hub.storedFiles()).filter((path) => path.includes(hash)).length, 1)
  },
  async A19(lab) {
    await refusesBody(lab, new Uint8Array(0), 400)
    assertRefused(await lab.putXorb(await lab.cas(), '0'.repeat(64), new Uint8Array(0)), 400)
  },
}

const casOfLab = new WeakMap<Lab, ReturnType<Lab['cas']>>()

function casOnce(lab: Lab): ReturnType<Lab['cas']> {
  const known = casOfLab.get(lab) ?? lab.cas()
  casOfLab.set(lab, known)
  return known
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}

/** The same bytes, but the record at `at` claims another stored length. */
function withLength(bytes: Buffer, at: number, length: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUIntLE(length, at + 1, 3)
  return copy
}
