import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { GitCommand } from './git-command.ts'
import { checkRefName, isRefName } from './ref-name.ts'

let git: GitCommand
beforeAll(async () => {
  git = await GitCommand.find()
})

test.each(['main', 'feat/x', 'v1.0', 'a@b', 'é', 'a-b', '@x', 'x+y'])('takes %s', (name) => {
  expect(isRefName(name)).toBe(true)
})

test.each([
  ...[
    '--upload-pack=x',
    'a..b',
    'x.lock',
    'a.lock/b',
    '@{1}',
    'a@{b',
    'refs/../x',
    'a b',
    '',
    '@',
    'HEAD',
    '.a',
    'a/.b',
  ],
  ...['a/', '/a', 'a//b', 'a.', 'a~1', 'a^', 'a:b', 'a?', 'a*', 'a[', 'a\\b', 'a\nb', 'a\0b', 'a\u202eb'],
  ...['x'.repeat(1024), 'x'.repeat(250), '\ud800'],
])('refuses %j', (name) => {
  expect(isRefName(name)).toBe(false)
  expect(() => checkRefName(name)).toThrow('cannot name a branch')
})

test('takes nothing that git check-ref-format refuses', async () => {
  const piece = fc.constantFrom('a', 'b', '.', '/', '@', '{', '-', '~', ' ', '.lock', '..', '*', '\\', 'é', 'HEAD')
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
      const name = pieces.join('')
      if (!isRefName(name)) return
      const call = { gitDir: null, args: ['check-ref-format', '--branch', name] }
      const { exit } = await git.run(call, { answers: [1, 128] })
      expect([name, exit]).toEqual([name, 0])
    }),
    { numRuns: 150 },
  )
})
