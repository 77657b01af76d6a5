import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GOLDEN_FOLDER, goldenBytes } from '../../test/vectors/golden.ts'
import { goldenInput, INPUT_NAMES } from '../../test/vectors/golden-inputs.ts'
import { hashLocalFile } from './xet-hash.ts'
import { inspectFile } from './xet-inspect.ts'
import { packFiles } from './xet-pack.ts'
import { unpackFolder } from './xet-unpack.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-xet-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function putInputs(names: readonly string[]): Promise<string[]> {
  const paths = names.map((name) => join(folder, name))
  for (const [i, name] of names.entries()) await writeFile(paths[i] as string, goldenInput(name).bytes)
  return paths
}

test.each(INPUT_NAMES)('hashes %s as hf_xet does, chunk by chunk', async (name) => {
  const [path = ''] = await putInputs([name])
  const { size, fileHash, sha256, chunks } = goldenInput(name)
  const expected = { path, bytes: size, fileHash, sha256 }
  expect(await hashLocalFile(path)).toEqual(expected)
  const listed = chunks.map(({ offset, length, hash }) => ({ offset, bytes: length, hash }))
  expect(await hashLocalFile(path, { chunks: true })).toEqual({ ...expected, chunks: listed })
})

test('says which file is missing, and that a folder is none', async () => {
  await expect(hashLocalFile(join(folder, 'no'))).rejects.toThrow(expect.objectContaining({ code: 'FILE_MISSING' }))
  await expect(hashLocalFile(folder)).rejects.toThrow(expect.objectContaining({ code: 'NOT_A_FILE' }))
})

describe('packed files', () => {
  const NAMES = ['dedup_v1.bin', 'dedup_v2.bin', 'empty.bin', 'const1m.bin', 'one.bin', 'f32odd.bin']

  async function unpackAll(from: string, to: string) {
    const files = []
    for await (const file of unpackFolder(from, to)) files.push(file)
    return files
  }

  test('come back under their names, equal chunks stored once', async () => {
    const packed = join(folder, 'packed')
    const { xorbs, bytes } = await packFiles(await putInputs(NAMES), packed)
    expect(bytes.stored).toBeLessThan(bytes.plain * 0.6)
    const inspected = await inspectFile(join(packed, `${xorbs[0]?.hash}.xorb`))
    expect(inspected).toMatchObject({ kind: 'xorb', hash: xorbs[0]?.hash, storedBytes: xorbs[0]?.bytes })
    expect(await inspectFile(join(packed, 'upload.shard'))).toMatchObject({ kind: 'shard', footer: null })
    const out = join(folder, 'out')
    const unpacked = await unpackAll(packed, out)
    expect(unpacked.map(({ fileHash }) => fileHash).sort()).toEqual(
      NAMES.map((name) => goldenInput(name).fileHash).sort(),
    )
    for (const name of NAMES) {
      expect(Buffer.compare(await readFile(join(out, name)), goldenInput(name).bytes)).toBe(0)
    }
  })

  test('a single file makes the xorb and the shard that hf_xet makes', async () => {
    const packed = join(folder, 'packed')
    const { xorbs } = await packFiles(await putInputs(['r100k.bin']), packed)
    const xorb = await readFile(join(packed, `${xorbs[0]?.hash}.xorb`))
    expect(Buffer.compare(xorb, goldenBytes('xorb/r100k.bin.xorb'))).toBe(0)
  })

  test('a flipped byte anywhere leaves nothing under the name', async () => {
    const packed = join(folder, 'packed')
    const { xorbs } = await packFiles(await putInputs(['f32odd.bin']), packed)
    const path = join(packed, `${xorbs[0]?.hash}.xorb`)
    const good = await readFile(path)
    for (let at = 0; at < good.length; at += 4001) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] as number) ^ 0x10
      await writeFile(path, bad)
      const out = join(folder, `out-${at}`)
      await expect(unpackAll(packed, out)).rejects.toThrow(expect.objectContaining({ name: 'AppError' }))
      expect(await readdir(out)).toEqual([])
    }
  })

  test('a name that leads out of the folder is refused', async () => {
    const packed = join(folder, 'packed')
    const { files } = await packFiles(await putInputs(['one.bin']), packed)
    const names = { files: [{ ...files[0], name: '../escaped' }] }
    await writeFile(join(packed, 'names.json'), JSON.stringify(names))
    const refusal = expect.objectContaining({ code: 'PATH_UNSAFE' })
    await expect(unpackAll(packed, join(folder, 'out'))).rejects.toThrow(refusal)
  })
})

test('inspects golden xorbs and shards', async () => {
  const xorb = await inspectFile(join(GOLDEN_FOLDER, 'xorb/with-footer.xorb'))
  expect(xorb).toMatchObject({ kind: 'xorb', footer: true, schemes: { 1: 1, 2: 2, 0: 1 } })
  const answer = await inspectFile(join(GOLDEN_FOLDER, 'scenarios/dedup-global-hmac/dedup_response.shard'))
  expect(answer).toMatchObject({ kind: 'shard', files: [], footer: { keyed: true } })
  await expect(inspectFile(join(GOLDEN_FOLDER, 'README.md'))).rejects.toThrow(
    expect.objectContaining({ name: 'AppError' }),
  )
})
