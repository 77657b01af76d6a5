import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CommitOperation, commitLines, gitBlobId } from './commit-lines.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-lines-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function inline(path: string, content: string): Promise<CommitOperation> {
  const localPath = join(folder, `file-${content.length}`)
  await writeFile(localPath, content)
  return { op: 'inline', path, localPath, size: Buffer.byteLength(content), oid: null }
}

async function textOf(operations: readonly CommitOperation[], parent: string | null = null) {
  const { length, stream } = commitLines({ summary: 'Übung "1"', description: '', parent, operations })
  const parts: Uint8Array[] = []
  for await (const part of stream()) parts.push(part)
  const body = Buffer.concat(parts)
  expect(body.length).toBe(length)
  return body
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('says beforehand how long the body is, and writes what the Hub reads', async () => {
  const operations = [
    await inline('a "quoted" é.txt', ''),
    await inline('b', 'x'),
    await inline('c', 'xyz'),
    { op: 'large', path: 'w.bin', sha256: 'ab'.repeat(32), size: 5 },
    { op: 'delete', path: 'old', isFolder: false },
    { op: 'delete', path: 'dir/', isFolder: true },
  ] as const
  const lines = await textOf(operations, 'c0ffee')
  expect(lines.map(({ key }) => key)).toEqual([
    'header',
    'file',
    'file',
    'file',
    'lfsFile',
    'deletedFile',
    'deletedFolder',
  ])
  expect(lines[0].value).toEqual({ summary: 'Übung "1"', description: '', parentCommit: 'c0ffee' })
  expect(lines[3].value).toEqual({ path: 'c', encoding: 'base64', content: 'eHl6' })
  expect(lines[4].value).toEqual({ path: 'w.bin', algo: 'sha256', oid: 'ab'.repeat(32), size: 5 })
})

test('refuses a small file that is another one by the time it is sent', async () => {
  const operation = await inline('a', 'hello')
  await writeFile((operation as { localPath: string }).localPath, 'longer than before')
  await expect(textOf([operation])).rejects.toMatchObject({ code: 'FILE_CHANGED' })
})

test('names content as git does', () => {
  expect(gitBlobId(Buffer.from('hello\n'))).toBe('ce013625030ba8dba906f756967f9e9ca394464a')
})
