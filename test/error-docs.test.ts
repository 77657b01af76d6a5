import { expect, test } from 'vitest'
import { findCodes, findProblems } from '../scripts/error-docs.ts'

const codesOf = (text: string) => findCodes(new Map([['a.ts', text]]))

test('finds codes with their kinds, and those of helpers', () => {
  const codes = codesOf("new AppError('integrity', 'XORB_EMPTY', 'x'); throw refused('SHARD_TAG_BAD')")
  expect([...codes.keys()]).toEqual(['XORB_EMPTY', 'SHARD_TAG_BAD'])
  expect([...(codes.get('XORB_EMPTY') ?? [])]).toEqual(['integrity'])
})

test.each([
  ['a code without meaning', { B_B: 'x' }, 'A_A B_B', /A_A has no meaning/],
  ['a code without test', { A_A: 'x', B_B: 'x' }, 'B_B', /A_A stands in no test/],
  ['a meaning without code', { A_A: 'x', B_B: 'x', C_C: 'x' }, 'A_A B_B', /C_C is thrown nowhere/],
])('reports %s', (_name, meanings, tests, problem) => {
  const codes = codesOf("refused('A_A'); refused('B_B')")
  expect(findProblems(codes, meanings, tests).join('\n')).toMatch(problem)
})
