import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFolder, nameFile, writeFileAtomically } from './atomic-file.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'atomic-file-'))
})
afterAll(() => rm(root, { recursive: true }))

test('replaces a longer file whole, makes its folders, and leaves no temp', async () => {
  const path = join(root, 'a/b/c.txt')
  await writeFileAtomically(path, 'a long first text', 0o600)
  await writeFileAtomically(path, 'short', 0o600)
  expect(await readFile(path, 'utf8')).toBe('short')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(join(root, 'a/b'))).toEqual(['c.txt'])
})

test('a name that cannot be taken leaves no temp either', async () => {
  await writeFileAtomically(join(root, 'taken/x'), 'x')
  await expect(writeFileAtomically(join(root, 'taken'), 'y')).rejects.toThrow()
  expect((await readdir(root)).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('a place where no folder can be is refused at once, and a file in the way is named', async () => {
  await expect(makeFolder('/proc/xorbit/run')).rejects.toMatchObject({ kind: 'usage', code: 'FOLDER_UNUSABLE' })
  await writeFile(join(root, 'file'), 'x')
  await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(makeFolder(join(root, 'file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})

test('many make one folder at once', async () => {
  const path = join(root, 'm/a/n/y')
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(path, 0o700)))
  expect((await stat(path)).mode & 0o777).toBe(0o700)
})

// A second disk that every Linux has.
test.skipIf(!existsSync('/dev/shm'))(
  'E23 a file of another disk is copied and named, and nothing else is left',
  async () => {
    const elsewhere = await mkdtemp('/dev/shm/xorbit-other-disk-')
    try {
      const temp = join(elsewhere, 'temp')
      const path = join(root, 'across', 'file.bin')
      await makeFolder(dirname(path))
      await writeFile(temp, 'from there')
      await writeFile(path, 'longer than what comes')
      await nameFile(temp, path)
      expect(await readFile(path, 'utf8')).toBe('from there')
      expect(await readdir(dirname(path))).toEqual(['file.bin'])
      expect(await readdir(elsewhere)).toEqual([])
    } finally {
      await rm(elsewhere, { recursive: true })
    }
  },
)
