import { describe, expect, test } from 'vitest'
import { candidatesOf, splitRevision, writableRef } from './revision.ts'

describe('splitRevision', () => {
  test.each([
    ['main', 'main', ''],
    ['main/', 'main', ''],
    ['main/a/b%20c.txt', 'main', 'a/b c.txt'],
    ['refs/pr/1', 'refs/pr/1', ''],
    ['refs%2Fpr%2F1/x', 'refs/pr/1', 'x'],
    ['refs/convert/parquet/d/x', 'refs/convert/parquet', 'd/x'],
    ['feat%2Fx/a', 'feat/x', 'a'],
    ['main/%C3%A9', 'main', 'é'],
  ])('cuts %s', (rest, revision, path) => expect(splitRevision(rest)).toEqual({ revision, path }))

  test('decodes once: what is left of a second layer stays text', () => {
    expect(splitRevision('main/%252e%252e/x').path).toBe('%2e%2e/x')
  })

  test.each(['main/%', 'main/%zz', 'main/%c0%ae', '%ff'])('refuses %s', (rest) => {
    expect(() => splitRevision(rest)).toThrow(expect.objectContaining({ code: 'PATH_ENCODING_BAD' }))
  })
})

describe('candidatesOf', () => {
  const commit = 'abcdef0123456789abcdef0123456789abcdef01'
  test.each([
    ['main', ['refs/heads/main', 'refs/tags/main']],
    ['HEAD', ['refs/heads/main']],
    ['refs/pr/1', ['refs/pr/1']],
    ['refs/heads/x/y', ['refs/heads/x/y']],
    [commit, [commit]],
    ['abcdef0', ['refs/heads/abcdef0', 'refs/tags/abcdef0', 'abcdef0']],
    ['abcdef', ['refs/heads/abcdef', 'refs/tags/abcdef']],
  ])('%s may be %j', (revision, names) => expect(candidatesOf(revision)).toEqual(names))

  test.each(['--upload-pack=x', 'a..b', 'x.lock', '@{1}', 'refs/../x', 'a b', '', 'main^{tree}', 'x'.repeat(1024)])(
    'refuses %j',
    (revision) => {
      expect(() => candidatesOf(revision)).toThrow(expect.objectContaining({ code: 'REVISION_INVALID' }))
    },
  )
})

test('only branches are written to', () => {
  expect(writableRef('main')).toBe('refs/heads/main')
  expect(writableRef('refs/heads/feat/x')).toBe('refs/heads/feat/x')
  for (const revision of ['refs/pr/1', 'refs/tags/v1', '-x', 'a..b']) {
    expect(() => writableRef(revision)).toThrow(expect.objectContaining({ code: 'REVISION_INVALID' }))
  }
})
