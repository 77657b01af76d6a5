import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkRoom, explainFull, type Room, roomAt, roomFor } from './disk-room.ts'
import type { TreeFile } from './hub-client.ts'

const MIB = 1024 * 1024
const UNKNOWN = Number.POSITIVE_INFINITY

function fileOf(size: number): TreeFile {
  return { path: `f${size}`, size, oid: 'a'.repeat(40), sha256: null, xetHash: null }
}

const check = (need: Room, free: Room) => checkRoom('/data', need, () => Promise.resolve(free))

test('needed is what is missing, in whole blocks, less what an earlier attempt has left', () => {
  expect(roomFor([fileOf(1), fileOf(10_000)], () => 0)).toEqual({ bytes: 4096 + 3 * 4096, files: 2 })
  expect(roomFor([fileOf(8 * MIB)], () => 6 * MIB)).toEqual({ bytes: 2 * MIB, files: 1 })
  expect(roomFor([fileOf(100)], () => 200)).toEqual({ bytes: 0, files: 1 })
})

test('E1 a disk that is too small is refused with both figures and what to do', async () => {
  const refused = check({ bytes: 100 * MIB, files: 3 }, { bytes: 50 * MIB, files: UNKNOWN })
  await expect(refused).rejects.toMatchObject({
    kind: 'no-space',
    code: 'DISK_TOO_SMALL',
    data: { neededBytes: 104 * MIB, freeBytes: 50 * MIB },
  })
  await expect(refused).rejects.toThrow(/109\.1 MB are needed, 52\.4 MB are free: make room for 56\.6 MB more/)
})

test('E28 a disk that can make no more files is refused', async () => {
  const refused = check({ bytes: 10, files: 3 }, { bytes: UNKNOWN, files: 2 })
  await expect(refused).rejects.toMatchObject({ kind: 'no-space', code: 'DISK_TOO_SMALL' })
})

test('what fits passes, nothing to fetch passes on a full disk, and so does a disk that does not tell', async () => {
  await check({ bytes: 100 * MIB, files: 3 }, { bytes: 104 * MIB, files: 3 })
  await check({ bytes: 0, files: 0 }, { bytes: 0, files: 0 })
  await check({ bytes: 100 * MIB, files: 3 }, { bytes: UNKNOWN, files: UNKNOWN })
})

test('a file system without figures counts as unknown, a folder that is to come as its parent', async () => {
  expect(await roomAt('/proc')).toEqual({ bytes: UNKNOWN, files: UNKNOWN })
  const [there, below] = [await roomAt(tmpdir()), await roomAt(join(tmpdir(), 'not', 'yet'))]
  expect(there.bytes).toBeGreaterThan(0)
  expect(Math.abs(there.bytes - below.bytes)).toBeLessThan(1024 * MIB)
})

test('a write that finds no room names the folder; other errors stay as they were', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' })
  expect(explainFull(full, '/data')).toMatchObject({ kind: 'no-space', code: 'DISK_FULL' })
  const other = new RangeError('x')
  expect(explainFull(other, '/data')).toBe(other)
})
