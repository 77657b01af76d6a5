import { expect, test } from 'vitest'
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
])('chooses by %j', (choice, expected) => {
  expect(pick(choice)).toEqual(expected)
})

test('takes time linear in the name for a hostile pattern', () => {
  const isWanted = pathFilter({ include: [`${'*'.repeat(50)}b`] })
  expect(isWanted('a'.repeat(100_000))).toBe(false)
})
