/**
 * A file as an answer: HEAD and GET, ranges, conditional requests. The first bytes are read before the headers go, so
 * that damage is an error answer; later damage ends the connection short of its Content-Length.
 */
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { type ByteRange, formatContentRange, parseRange } from '../../../base/byte-range.ts'

export interface FileReply {
  readonly path: string
  readonly size: number
  /** Hexadecimal: it becomes a file name in caches. */
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
  readonly download?: boolean
  open(range: ByteRange): AsyncIterable<Uint8Array>
  /** What to throw for a failure before the first byte. */
  onFailure?(error: unknown): unknown
}

/** Anything else is bytes to keep, never a page to show. */
const TYPES: Readonly<Record<string, string>> = { '.json': 'application/json' }
const TEXT = /^$|^\.(txt|md|markdown|py|yaml|yml|toml|cfg|ini|csv|tsv|jsonl|jinja|gitattributes|gitignore)$/

export async function replyFile(request: FastifyRequest, reply: FastifyReply, file: FileReply): Promise<FastifyReply> {
  const { size, headers, path } = file
  const etag = `"${file.etag}"`
  const stays = request.headers['if-range'] === undefined || request.headers['if-range'] === etag
  const range = stays ? parseRange(request.headers.range, size) : null
  reply.headers({ ...headers, etag, 'accept-ranges': 'bytes', 'content-disposition': dispositionOf(file) })
  reply.headers({ 'content-security-policy': "default-src 'none'; sandbox" })
  if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  if (range === 'unsatisfiable' && size > 0) {
    const data = { headers: { ...headers, 'content-range': `bytes */${size}` } }
    throw new AppError('range-not-satisfiable', 'RANGE_NOT_SATISFIABLE', `${path} has ${size} bytes`, { data })
  }
  reply.type(typeOf(path))
  if (size === 0 || range === 'unsatisfiable') {
    // An empty file has no range; clients that probe one want its length.
    if (request.headers.range !== undefined) reply.header('content-range', 'bytes */0')
    return reply.header('content-length', 0).send('')
  }
  const { start, end } = range ?? { start: 0, end: size }
  if (range !== null) reply.code(206).header('content-range', formatContentRange({ start, end }, size))
  reply.header('content-length', end - start)
  if (request.method === 'HEAD') return reply.send()
  return reply.send(await started(file, { start, end }))
}

/** The stream, its first piece already there. It ends with exactly the bytes promised, or with an error. */
async function started(file: FileReply, range: ByteRange): Promise<Readable> {
  const pieces = file.open(range)[Symbol.asyncIterator]()
  let next: IteratorResult<Uint8Array>
  try {
    next = await pieces.next()
  } catch (error) {
    throw file.onFailure?.(error) ?? error
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    let left = range.end - range.start
    try {
      for (; next.done !== true; next = await pieces.next()) {
        left -= next.value.length
        yield next.value
      }
      if (left !== 0)
        throw new AppError('damaged', 'FILE_LENGTH_WRONG', `${file.path} gave ${left} bytes less than it has`)
    } finally {
      await pieces.return?.()
    }
  }
  return Readable.from(all(), { objectMode: false, highWaterMark: 256 * 1024 })
}

function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}

function typeOf(path: string): string {
  const extension =
    posix.extname(path).toLowerCase() ||
    posix
      .basename(path)
      .replace(/^[^.].*$/, '')
      .toLowerCase()
  if (TEXT.test(extension)) return 'text/plain; charset=utf-8'
  return TYPES[extension] ?? 'application/octet-stream'
}

function dispositionOf({ path, download = false }: FileReply): string {
  const name = posix.basename(path)
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
  const plain = name.replace(/[^\x20-\x7e]|["\\]/g, '_')
  return `${download ? 'attachment' : 'inline'}; filename*=UTF-8''${encoded}; filename="${plain}";`
}
