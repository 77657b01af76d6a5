import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../base/app-error.ts'
import { COMMIT_LINE_BYTES_MAX, COMMIT_OPERATIONS_MAX, type CommitLine, readCommitLines } from './commit-lines.ts'

const HEADER = '{"key":"header","value":{"summary":"s","description":"d","parentCommit":"abcde"}}'
const OID = 'ab'.repeat(32)
const GOOD = [
  HEADER,
  '{"key":"file","value":{"path":"a/b.txt","content":"aGk=","encoding":"base64"}}',
  '{"key":"file","value":{"path":"c","content":"é"}}',
  `{"key":"lfsFile","value":{"path":"w","algo":"sha256","oid":"${OID}","size":7}}`,
  `{"key":"lfsFile","value":{"path":"v","oid":"${OID}"}}`,
  '{"key":"deletedFile","value":{"path":"x"}}',
  '{"key":"deletedFolder","value":{"path":"d/"}}',
  '{"key":"copyFile","value":{"path":"n","srcPath":"o","srcRevision":"main"}}',
]

async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function read(text: string, sizes: readonly number[] = [65_536]): Promise<CommitLine[]> {
  const lines: CommitLine[] = []
  for await (const line of readCommitLines(pieces(Buffer.from(text), sizes))) lines.push(line)
  return lines
}

const fails = (text: string) =>
  read(text).then(
    () => 'read',
    (error: unknown) => (error as AppError).code,
  )

describe('readCommitLines', () => {
  test('reads every operation, however the stream is cut', async () => {
    const whole = await read(`${GOOD.join('\n')}\n`)
    expect(whole.map(({ key }) => key)).toEqual(GOOD.map((line) => JSON.parse(line).key))
    expect(whole[1]).toMatchObject({ path: 'a/b.txt', content: Buffer.from('hi') })
    expect(whole[2]).toMatchObject({ content: Buffer.from('é') })
    expect(whole[4]).toMatchObject({ sha256: OID, size: null })
    expect(whole[6]).toMatchObject({ path: 'd' })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), async (sizes) => {
        expect(await read(GOOD.join('\n'), sizes)).toEqual(whole)
      }),
    )
  })

  test.each([
    ['nothing', ''],
    ['no header', GOOD[1] as string],
    ['two headers', `${HEADER}\n${HEADER}`],
    ['an unknown key', `${HEADER}\n{"key":"deletedEntry","value":{"path":"x"}}`],
    ['no JSON', `${HEADER}\n{`],
    ['a list', `${HEADER}\n[]`],
    ['no value', `${HEADER}\n{"key":"file"}`],
    ['no path', `${HEADER}\n{"key":"deletedFile","value":{}}`],
    ['bad base64', `${HEADER}\n{"key":"file","value":{"path":"a","content":"a*==","encoding":"base64"}}`],
    ['cut base64', `${HEADER}\n{"key":"file","value":{"path":"a","content":"aGk","encoding":"base64"}}`],
    ['another encoding', `${HEADER}\n{"key":"file","value":{"path":"a","content":"","encoding":"gzip"}}`],
    ['a short oid', `${HEADER}\n{"key":"lfsFile","value":{"path":"a","oid":"${OID.slice(1)}"}}`],
    ['an oid in capitals', `${HEADER}\n{"key":"lfsFile","value":{"path":"a","oid":"${OID.toUpperCase()}"}}`],
    ['an oid that is a path', `${HEADER}\n{"key":"lfsFile","value":{"path":"a","oid":"../../etc/passwd"}}`],
    ['a size below zero', `${HEADER}\n{"key":"lfsFile","value":{"path":"a","oid":"${OID}","size":-1}}`],
    ['a parent that is no commit', '{"key":"header","value":{"summary":"s","parentCommit":"main"}}'],
  ])('refuses %s', async (_, text) => expect(await fails(text)).toBe('COMMIT_LINE_BAD'))

  test.each(['../x', '/x', 'a\\b', '.git/config', 'a/.GIT/x', '.cache/x', 'a/.Cache/b', 'a\nb', '', 'a//b'])(
    'refuses path %j in every operation',
    async (path) => {
      const values = {
        file: { path, content: '' },
        lfsFile: { path, oid: OID },
        deletedFile: { path },
        copyFile: { path: 'a', srcPath: path },
      }
      for (const [key, value] of Object.entries(values)) {
        expect(await fails(`${HEADER}\n${JSON.stringify({ key, value })}`)).toBe('PATH_UNSAFE')
      }
    },
  )

  test('bounds lines, files and operations before it keeps them', async () => {
    async function* endless(piece: Uint8Array): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${HEADER}\n`)
      for (;;) yield piece
    }
    const end = async (source: AsyncIterable<Uint8Array>) => {
      let count = 0
      try {
        for await (const _ of readCommitLines(source)) count++
      } catch (error) {
        if (error instanceof AppError) return [error.kind, error.code, count]
      }
      return count
    }
    const line = Buffer.from('{"key":"deletedFile","value":{"path":"x"}}\n')
    expect(await end(endless(Buffer.alloc(1 << 20, 'x')))).toEqual(['too-large', 'COMMIT_TOO_LARGE', 1])
    expect(await end(endless(line))).toEqual(['too-large', 'COMMIT_TOO_LARGE', COMMIT_OPERATIONS_MAX + 1])
    const content = Buffer.alloc(10 * 1024 * 1024 + 1).toString('base64')
    expect(content.length).toBeLessThan(COMMIT_LINE_BYTES_MAX)
    const large = JSON.stringify({ key: 'file', value: { path: 'a', content, encoding: 'base64' } })
    expect(await fails(`${HEADER}\n${large}`)).toBe('COMMIT_FILE_TOO_LARGE')
  })
})
