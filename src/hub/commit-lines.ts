/**
 * The body of a commit: NDJSON, header first, then operations, read line by line out of an untrusted stream. At most
 * one line and its decoded content are held; every limit is checked before the bytes it bounds are kept.
 */
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import { checkNewPath, checkRepoPath } from '../base/safe-path.ts'

export const COMMIT_BODY_BYTES_MAX = 512 * 1024 * 1024
/** Base64 of the largest inline file, and its path. */
export const COMMIT_LINE_BYTES_MAX = 16 * 1024 * 1024
export const INLINE_FILE_BYTES_MAX = 10 * 1024 * 1024
export const COMMIT_OPERATIONS_MAX = 100_000
const PIECES_MAX = 1024
const LF = 0x0a

export interface CommitHeader {
  readonly summary: string
  readonly description: string
  /** 5 to 40 digits. */
  readonly parentCommit: string | null
}

export type CommitLine =
  | { readonly key: 'header'; readonly value: CommitHeader }
  | { readonly key: 'file'; readonly path: string; readonly content: Buffer }
  | { readonly key: 'lfsFile'; readonly path: string; readonly sha256: string; readonly size: number | null }
  | { readonly key: 'deletedFile' | 'deletedFolder'; readonly path: string }
  | { readonly key: 'copyFile'; readonly path: string; readonly from: string; readonly revision: string | null }

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256 in lower case')
const size = z.int().nonnegative()
const HEADER = z.object({
  summary: z.string().max(65_536),
  description: z.string().max(1_048_576).nullish(),
  parentCommit: z
    .string()
    .regex(/^[0-9a-f]{5,40}$/, 'is no commit: 5 to 40 digits')
    .nullish(),
})
const FILE = z.object({ path: z.string(), content: z.string(), encoding: z.enum(['base64', 'utf-8']).default('utf-8') })
const LFS_FILE = z.object({
  path: z.string(),
  algo: z.literal('sha256').default('sha256'),
  oid: sha256,
  size: size.nullish(),
})
const DELETED = z.object({ path: z.string() })
const COPY = z.object({ path: z.string(), srcPath: z.string(), srcRevision: z.string().nullish() })
const LINE = z.object({ key: z.string(), value: z.unknown() })

/** The first line is the header, no other is. */
export async function* readCommitLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<CommitLine> {
  let count = 0
  for await (const bytes of splitLines(body)) {
    if (count > COMMIT_OPERATIONS_MAX) throw tooLarge('operations', COMMIT_OPERATIONS_MAX)
    const line = parseCommitLine(bytes, count + 1)
    if ((line.key === 'header') !== (count === 0)) {
      throw bad(count + 1, count === 0 ? 'the header must come first' : 'a second header')
    }
    count++
    yield line
  }
  if (count === 0) throw bad(1, 'the body is empty')
}

/** One line without its end. `number` counts from 1, for messages. */
export function parseCommitLine(bytes: Uint8Array, number: number): CommitLine {
  const { key, value } = shape(LINE, parse(bytes, number), number)
  switch (key) {
    case 'header': {
      const { summary, description, parentCommit } = shape(HEADER, value, number)
      return { key, value: { summary, description: description ?? '', parentCommit: parentCommit ?? null } }
    }
    case 'file': {
      const { path, content, encoding } = shape(FILE, value, number)
      return { key, path: checkNew(path), content: decodeContent(content, encoding, { path, number }) }
    }
    case 'lfsFile': {
      const { path, oid, size: bytesCount } = shape(LFS_FILE, value, number)
      return { key, path: checkNew(path), sha256: oid, size: bytesCount ?? null }
    }
    case 'deletedFile':
      return { key, path: checkPath(shape(DELETED, value, number).path) }
    case 'deletedFolder':
      return { key, path: checkPath(shape(DELETED, value, number).path.replace(/\/$/, '')) }
    case 'copyFile': {
      const { path, srcPath, srcRevision } = shape(COPY, value, number)
      return { key, path: checkNew(path), from: checkPath(srcPath), revision: srcRevision ?? null }
    }
    default:
      throw bad(number, `unknown key ${JSON.stringify(key.slice(0, 50))}`)
  }
}

async function* splitLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = []
  let joined = 0
  let length = 0
  let total = 0
  for await (const piece of body) {
    total += piece.length
    if (total > COMMIT_BODY_BYTES_MAX) throw tooLarge('bytes', COMMIT_BODY_BYTES_MAX)
    for (let start = 0; start < piece.length; ) {
      const found = piece.indexOf(LF, start)
      const end = found < 0 ? piece.length : found
      length += end - start
      if (length > COMMIT_LINE_BYTES_MAX) throw tooLarge('bytes in one line', COMMIT_LINE_BYTES_MAX)
      if (end > start) parts.push(piece.subarray(start, end))
      // A body in pieces of one byte costs no more memory than its bytes.
      if (parts.length - joined >= PIECES_MAX) {
        parts.push(Buffer.concat(parts.splice(joined)))
        joined = parts.length
      }
      start = end + 1
      if (found < 0) break
      if (length > 0) yield Buffer.concat(parts, length)
      parts = []
      joined = 0
      length = 0
    }
  }
  if (length > 0) yield Buffer.concat(parts, length)
}

function parse(bytes: Uint8Array, number: number): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (error) {
    throw bad(number, `no JSON: ${(error as Error).message.slice(0, 100)}`)
  }
}

function shape<T>(schema: z.ZodType<T>, value: unknown, number: number): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw bad(number, `${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'invalid'}`)
}

function checkNew(path: string): string {
  checkNewPath(path)
  return checkPath(path)
}

function checkPath(path: string): string {
  checkRepoPath(path)
  if (path.split('/').some((part) => part.toLowerCase() === '.cache')) {
    throw new AppError(
      'malformed',
      'PATH_UNSAFE',
      `Path ${JSON.stringify(path.slice(0, 200))} refused: it is below .cache`,
    )
  }
  return path
}

function decodeContent(text: string, encoding: 'base64' | 'utf-8', at: { path: string; number: number }): Buffer {
  if (encoding === 'base64' && (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))) {
    throw bad(at.number, `the content of ${at.path.slice(0, 200)} is no base64`)
  }
  const content = Buffer.from(text, encoding)
  if (content.length <= INLINE_FILE_BYTES_MAX) return content
  const message = `${at.path} has more than ${INLINE_FILE_BYTES_MAX} bytes: upload it as a large file`
  throw new AppError('too-large', 'COMMIT_FILE_TOO_LARGE', message)
}

function bad(number: number, what: string): AppError {
  return new AppError('malformed', 'COMMIT_LINE_BAD', `Line ${number} of the commit: ${what}`)
}

function tooLarge(what: string, limit: number): AppError {
  return new AppError('too-large', 'COMMIT_TOO_LARGE', `A commit has at most ${limit} ${what}: split it`)
}
