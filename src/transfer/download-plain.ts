/**
 * One file by plain HTTP into an open temporary file: a large file proved by its SHA-256, a small one by its git blob id.
 * A mismatch has it fetched once more whole.
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { writeFully } from '../base/atomic-file.ts'
import { htmlError, looksLikeHtml } from '../base/http-body.ts'
import type { HttpClient, HttpReply, HttpRequest } from '../base/http-client.ts'
import type { TreeFile } from './hub-client.ts'

export interface PlainDownload {
  readonly http: HttpClient
  readonly request: HttpRequest
  readonly entry: TreeFile
  /** Empty, open for writing. */
  readonly file: FileHandle
  /** Negative when written bytes were thrown away. */
  readonly onBytes: (bytes: number) => void
}

export async function downloadPlainFile(job: PlainDownload): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await job.http.exchange(job.request, (reply) => receive(job, reply))
    } catch (error) {
      if (attempt === 2 || !(error instanceof AppError) || error.kind !== 'integrity') throw error
    }
  }
}

async function receive({ entry, file, onBytes }: PlainDownload, reply: HttpReply): Promise<void> {
  const digest = startDigest(entry)
  let at = 0
  await file.truncate(0)
  try {
    if (reply.status !== 200) throw mismatch(reply, entry, `status ${reply.status}`)
    for await (const piece of reply.body) {
      if (at === 0 && looksLikeHtml(piece) && !/\.(html?|md|svg|xml|xhtml)$/i.test(entry.path))
        throw htmlError(reply.where)
      if (at + piece.length > entry.size) throw mismatch(reply, entry, `more than ${entry.size} bytes came`)
      digest.update(piece)
      await writeFully(file, piece, at)
      at += piece.length
      onBytes(piece.length)
    }
    if (at !== entry.size) throw mismatch(reply, entry, `${at} of ${entry.size} bytes came`)
    const actual = digest.digest('hex')
    if (actual !== contentId(entry)) throw mismatch(reply, entry, `its digest is ${actual}, not ${contentId(entry)}`)
  } catch (error) {
    onBytes(-at)
    throw error
  }
}

/** What names the content: SHA-256 of a large file, git blob id of a small one. It is the ETag too. */
export function contentId(entry: TreeFile): string {
  return entry.sha256 ?? entry.oid
}

/** A digest that, fed with the whole content, gives its `contentId`. */
export function startDigest({ sha256, oid, size }: TreeFile) {
  if (sha256 !== null) return createHash('sha256')
  return createHash(oid.length === 64 ? 'sha256' : 'sha1').update(`blob ${size}\0`)
}

function mismatch({ where }: HttpReply, { path }: TreeFile, what: string): AppError {
  return new AppError('integrity', 'CONTENT_MISMATCH', `${where}: ${path} is not what the Hub lists: ${what}`)
}
