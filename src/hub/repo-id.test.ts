import { expect, test } from 'vitest'
import { apiPath, formatRepoId, isReservedName, parseRepoId, webPath } from './repo-id.ts'

test.each(['alice/tiny', 'A.b_c-d/e', `${'x'.repeat(96)}/y`, '0/1', 'a_/b'])('reads %j', (text) => {
  expect(formatRepoId(parseRepoId(text))).toBe(text)
})

test.each([
  ...[
    'a/b/c',
    '..',
    '../x',
    '-x/y',
    '',
    'a',
    'a/',
    '/b',
    `${'x'.repeat(97)}/y`,
    `a/${'x'.repeat(97)}`,
    'a--b/c',
    'a..b/c',
  ],
  ...[
    'a/b.git',
    'a/.b',
    'a/b.',
    'a/-b',
    'a/b-',
    'a/b c',
    'a/ü',
    'a/b\n',
    'a/b%2F',
    'api/x',
    'datasets/x',
    'Spaces/x',
    'cas/x',
  ],
])('refuses %j', (text) => {
  expect(() => parseRepoId(text)).toThrow(expect.objectContaining({ code: 'REPO_ID_INVALID' }))
})

test('knows where each type lives', () => {
  expect(webPath(parseRepoId('a/b'))).toBe('/a/b')
  expect(webPath(parseRepoId('a/b', 'dataset'))).toBe('/datasets/a/b')
  expect(apiPath(parseRepoId('a/b', 'space'))).toBe('/api/spaces/a/b')
  expect(isReservedName('API')).toBe(true)
})
