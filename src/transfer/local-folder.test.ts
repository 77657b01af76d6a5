/** What a folder of the user's counts as here already: only what we proved ourselves, or hash now. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentId } from './download-plain.ts'
import type { TreeFile } from './hub-client.ts'
import { LocalFolder } from './local-folder.ts'

const CONTENT = Buffer.from('the weights')
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-local-'))
})
afterEach(() => rm(folder, { recursive: true }))

function fileOf(path: string): TreeFile {
  const oid = createHash('sha1').update(`blob ${CONTENT.length}\0`).update(CONTENT).digest('hex')
  return { path, size: CONTENT.length, oid, sha256: createHash('sha256').update(CONTENT).digest('hex'), xetHash: null }
}

async function openPlace(...files: TreeFile[]): Promise<LocalFolder> {
  const place = new LocalFolder({ folder, snapshot: { revision: 'main', commit: 'c'.repeat(40), files } })
  await place.begin()
  return place
}

async function pullOnce(file: TreeFile): Promise<string> {
  const place = await openPlace(file)
  const path = await place.receive(file, ({ file: data }) => data.writeFile(CONTENT))
  await place.keepProofs()
  return path
}

test('a proved file that nobody touched is here, also for the next pull', async () => {
  const file = fileOf('w.bin')
  const path = await pullOnce(file)
  expect(await (await openPlace(file)).findPresent(file)).toBe(path)
})

test('other bytes of the same length and time are not the file', async () => {
  const file = fileOf('w.bin')
  const path = await pullOnce(file)
  const { atime, mtime } = await stat(path)
  await writeFile(path, Buffer.alloc(CONTENT.length))
  await utimes(path, atime, mtime)
  expect(await (await openPlace(file)).findPresent(file)).toBeNull()
})

test('a note of another tool proves nothing', async () => {
  const file = fileOf('w.bin')
  await writeFile(join(folder, 'w.bin'), Buffer.alloc(CONTENT.length))
  const note = join(folder, '.cache/huggingface/download/w.bin.metadata')
  await mkdir(dirname(note), { recursive: true })
  await writeFile(note, `${'c'.repeat(40)}\n${contentId(file)}\n9999999999.0\n`)
  expect(await (await openPlace(file)).findPresent(file)).toBeNull()
})

test('a right file without any note is hashed, and noted for other tools', async () => {
  const file = fileOf('sub/w.bin')
  await mkdir(join(folder, 'sub'))
  await writeFile(join(folder, 'sub/w.bin'), CONTENT)
  expect(await (await openPlace(file)).findPresent(file)).toBe(join(folder, 'sub/w.bin'))
  const note = await readFile(join(folder, '.cache/huggingface/download/sub/w.bin.metadata'), 'utf8')
  expect(note.split('\n').slice(0, 2)).toEqual(['c'.repeat(40), contentId(file)])
})

test.each([242, 246, 247, 255])('a file with a name of %i bytes can be received', async (length) => {
  const file = fileOf('n'.repeat(length))
  const path = await pullOnce(file)
  expect(await readFile(path)).toEqual(CONTENT)
  expect(await (await openPlace(file)).findPresent(file)).toBe(path)
})

test.each(['.cache/huggingface/download/w.bin.metadata', '.CACHE/HuggingFace/x', '.cache/huggingface'])(
  'a Hub may not write our notes: %s',
  async (path) => {
    const file = fileOf(path)
    const place = await openPlace(file)
    await expect(place.findPresent(file)).rejects.toMatchObject({ code: 'PATH_UNSAFE' })
    await expect(place.receive(file, () => Promise.resolve())).rejects.toMatchObject({ code: 'PATH_UNSAFE' })
  },
)
