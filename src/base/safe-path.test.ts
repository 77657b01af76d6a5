import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkNewPath, checkPathHere, checkRepoPath, resolveInside } from './safe-path.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safe-path-'))
})
afterAll(() => rm(root, { recursive: true }))

test.each(['a', 'a/b.bin', '.gitattributes', 'notes with space é.txt', 'a..b', '...', 'x.git/y', '.github/x'])(
  'accepts %s',
  (path) => {
    expect(() => checkRepoPath(path)).not.toThrow()
  },
)

test.each([
  ...['', '.', '..', '../x', 'a/../../x', 'a/..', '/etc/passwd', '//x', 'a//b', 'a/'],
  ...['..\\x', 'C:\\x', 'D:x', '\\\\host\\s', '\\x', 'c:/x'],
  ...['a\0b', 'a\nb', 'a\rb', '\x1b[31m', 'a\u202eb', '\ud800'],
  ...['.git/config', '.GIT', 'git~1', '.git.', '.git /x', '.g\u200cit', 'a/.git/hooks/x'],
  ...[`${'n'.repeat(256)}`, `${'d/'.repeat(2100)}x`],
])('refuses %j', (path) => {
  expect(() => checkRepoPath(path)).toThrow(expect.objectContaining({ code: 'PATH_UNSAFE' }))
})

test.each([
  ...['CON', 'aux.txt', 'a/nul', 'Com1.tar.gz', 'lpt9 .x', 'COM¹', 'CONOUT$'],
  ...['ab:c', 'x/y:z', 'a.', 'a ', 'a /b', '...'],
])('takes %j for no new name, and for no file on Windows', (path) => {
  const refusal = expect.objectContaining({ code: 'PATH_UNSAFE' })
  expect(() => checkNewPath(path)).toThrow(refusal)
  expect(() => checkPathHere(path, 'win32')).toThrow(refusal)
  expect(() => checkPathHere(path, 'linux')).not.toThrow()
})

test.each(['console', 'aux-data/x', 'nul1', 'a.con', 'com', 'com10', 'a b', '.x'])('takes %j as a new name', (path) => {
  expect(() => checkNewPath(path)).not.toThrow()
})

test('writes through no symbolic link', async () => {
  await mkdir(join(root, 'real'))
  await symlink('/', join(root, 'link'))
  expect(await resolveInside(root, 'real/x/y')).toBe(join(root, 'real/x/y'))
  await expect(resolveInside(root, 'link/x')).rejects.toMatchObject({ code: 'PATH_CROSSES_LINK' })
})
