import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeFileAtomically } from './atomic-file.ts'

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
