import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkNames } from './name-clash.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-names-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** The disk of this machine: what it does to names is found out by the thing itself. */
test('E25 names that this disk keeps apart are taken, also where the folder is yet to be made; nothing is left', async () => {
  await checkNames(join(folder, 'not', 'yet'), ['Model.bin', 'model.bin', 'a\u0308', '\u00e4', 'x/y', 'X/y'])
  expect(await readdir(folder)).toEqual([])
})

test('E25 one path twice is one name on any disk', async () => {
  await expect(checkNames(folder, ['a', 'b', 'a'])).rejects.toMatchObject({
    kind: 'usage',
    code: 'NAMES_CLASH',
    data: { paths: ['a', 'a'] },
  })
  expect(await readdir(folder)).toEqual([])
})
