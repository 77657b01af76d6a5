import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from '../base/app-error.ts'
import { pathFilter } from './path-filter.ts'

const FILES = ['a.txt', 'b.json', 'sub/a.txt', 'sub/deep/c.bin', 'weird[1].txt', 'é.txt']
const pick = (choice: Parameters<typeof pathFilter>[0]) => FILES.filter(pathFilter(choice))

test.each([
  [{}, FILES],
  [{ include: ['*.txt'] }, ['a.txt', 'sub/a.txt', 'weird[1].txt', 'é.txt']],
  [{ include: ['sub/'] }, ['sub/a.txt', 'sub/deep/c.bin']],
  [{ include: ['?.txt'] }, ['a.txt', 'é.txt']],
  [{ include: ['[ab].*'] }, ['a.txt', 'b.json']],
  [{ include: ['[!a].*'] }, ['b.json', 'é.txt']],
  [{ exclude: ['sub/*', '*.json'] }, ['a.txt', 'weird[1].txt', 'é.txt']],
  [{ include: ['*.txt'], exclude: ['sub/*'] }, ['a.txt', 'weird[1].txt', 'é.txt']],
  [{ files: ['sub/a.txt', 'weird[1].txt'] }, ['sub/a.txt', 'weird[1].txt']],
  [{ include: ['.*'] }, []],
  [{ exclude: ['no-such-file'] }, FILES],
  [{ include: ['[a-b].*'] }, ['a.txt', 'b.json']],
])('chooses by %j', (choice, expected) => {
  expect(pick(choice)).toEqual(expected)
})

test('takes time linear in the name for a hostile pattern', () => {
  const isWanted = pathFilter({ include: [`${'*'.repeat(50)}b`] })
  expect(isWanted('a'.repeat(100_000))).toBe(false)
})

test("a range that runs backwards is the user's mistake", () => {
  const bad = expect.objectContaining({ kind: 'usage', code: 'GLOB_BAD' })
  expect(() => pathFilter({ include: ['[z-a]*'] })).toThrow(bad)
})

test('any string is a pattern or refused as one, and a plain name chooses itself', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'-[]!^\\az*?{}/&~') })),
      (glob) => {
        try {
          expect(typeof pathFilter({ include: [glob] })('a-b/c')).toBe('boolean')
          if (!/[[*?]|\/$/.test(glob)) expect(pathFilter({ include: [glob] })(glob)).toBe(true)
        } catch (error) {
          if (!(error instanceof AppError) || error.code !== 'GLOB_BAD') throw error
        }
      },
    ),
    { numRuns: 500 },
  )
})
