import { expect, test } from 'vitest'
import { findCodes, findProblems, isCode, renderPage } from '../scripts/error-docs.ts'

const codesOf = (text: string) => findCodes(new Map([['a.ts', text]]))
const kindsOf = (text: string) =>
  Object.fromEntries([...codesOf(text)].map(([code, kinds]) => [code, [...kinds].sort()]))

test.each([
  ['a plain call', "new AppError('integrity', 'A_A', 'x')", { A_A: ['integrity'] }],
  ['a call over several lines', "new AppError(\n  'usage',\n  'A_A',\n  `x`)", { A_A: ['usage'] }],
  ['a choice of codes', "new AppError('timeout', x ? 'A_A' : 'B_B', m)", { A_A: ['timeout'], B_B: ['timeout'] }],
  ['a choice of kinds', "new AppError(full ? 'no-space' : 'bug', 'A_A', m)", { A_A: ['bug', 'no-space'] }],
  [
    'a kind chosen before',
    "const kind = x ? 'busy' : 'usage'\nnew AppError(kind, 'A_A', m)",
    { A_A: ['busy', 'usage'] },
  ],
  [
    'a table',
    "404: ['not-found', 'A_A'], 409: ['conflict', 'CONFLICT']",
    { A_A: ['not-found'], CONFLICT: ['conflict'] },
  ],
  [
    'a helper that takes the code',
    "throw refused('A_A')\nfunction refused(code: string) { return new AppError('malformed', code, 'x') }",
    { A_A: ['malformed'] },
  ],
  ['a code that is only compared', "if (error.code === 'A_A') new AppError('bug', code, 'x')", { A_A: [] }],
])('finds %s', (_name, text, expected) => {
  expect(kindsOf(text)).toEqual(expected)
})

test.each(['ENOENT', 'GET', 'SIGTERM', 'ROLLBACK', 'MODULE_NOT_FOUND'])('%s is no code', (word) => {
  expect(isCode(word)).toBe(false)
  expect(codesOf(`f('${word}')`).size).toBe(0)
})

const TWO = "new AppError('bug', 'A_A', 'x'); new AppError('bug', 'B_B', 'x')"

test.each([
  ['a code without meaning', TWO, { B_B: 'x' }, 'A_A B_B', /A_A has no meaning/],
  ['a code without test', TWO, { A_A: 'x', B_B: 'x' }, 'B_B', /A_A stands in no test/],
  [
    'a code that stands in a test only within another',
    TWO,
    { A_A: 'x', B_B: 'x' },
    'A_A_A B_B',
    /A_A stands in no test/,
  ],
  ['a code without kind', "f('A_A')", { A_A: 'x' }, 'A_A', /A_A is thrown nowhere with a kind/],
  ['a meaning without code', TWO, { A_A: 'x', B_B: 'x', C_C: 'x' }, 'A_A B_B', /C_C is thrown nowhere/],
])('reports %s', (_name, text, meanings, tests, problem) => {
  expect(findProblems(codesOf(text), meanings, tests).join('\n')).toMatch(problem)
})

test('the page names kind, meaning, and a status that is not the kind’s', () => {
  const page = renderPage(codesOf("new AppError('conflict', 'PARENT_STALE', 'x')"), { PARENT_STALE: 'It moved on.' })
  expect(page).toContain('| `PARENT_STALE` | conflict (HTTP 412) | It moved on. |')
})
