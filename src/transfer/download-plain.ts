/**
 * One file by plain HTTP into an open temporary file: a large file proved by its SHA-256, a small one by its git blob id.
 *
 * A break goes on where it was, and so does a file that an earlier process left: what is there is hashed first. A server
 * that sends another part than was asked for is asked for the whole. A mismatch has it fetched once more whole.
 */
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { writeFully } from '../base/atomic-file.ts'
import { parseContentRange } from '../base/byte-range.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { toAppError } from '../base/error-table.ts'
import { htmlError, looksLikeHtml } from '../base/http-body.ts'
import type { HttpClient, HttpReply, HttpRequest } from '../base/http-client.ts'
import { planRetry, RETRY_POLICY, type RetryPolicy } from '../base/retry.ts'
import type { TreeFile } from './hub-client.ts'

const READ_BYTES = 1024 * 1024
/** A connection that gives less than a kibibyte a second is left for a new one. */
const RATE_WINDOW_MS = 30_000
const RATE_WINDOW_BYTES_MIN = 30 * 1024
/** So often a server may answer with another range before it is not asked again. */
const WRONG_RANGES_MAX = 3

export interface PlainDownload {
  readonly http: HttpClient
  readonly request: HttpRequest
  readonly entry: TreeFile
  /** Open for reading and writing. */
  readonly file: FileHandle
  /** Negative when written bytes were thrown away. */
  readonly onBytes: (bytes: number) => void
  readonly signal?: AbortSignal | undefined
  readonly retry?: RetryPolicy
  readonly clock?: Clock
}

export async function downloadPlainFile(job: PlainDownload): Promise<void> {
  const download = new Download(job)
  await download.resume()
  try {
    await download.run()
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'integrity') throw error
    await download.restart()
    await download.run()
  }
}

class Download {
  readonly #job: PlainDownload
  #digest: Hash
  /** Bytes written. */
  #at = 0
  /** Of those, how many were read back into the digest: what is proved is what the disk has. */
  #hashed = 0
  #buffer = new Uint8Array(0)
  #furthest = 0
  #failures = 0
  #wrongRanges = 0

  constructor(job: PlainDownload) {
    this.#job = job
    this.#digest = startDigest(job.entry)
  }

  /** Hashes what an earlier attempt has left. */
  async resume(): Promise<void> {
    const { file, entry, onBytes } = this.#job
    const { size } = await file.stat()
    if (size > entry.size) return this.restart()
    this.#at = size
    await this.#hashWritten()
    onBytes(size)
  }

  async #hashWritten(): Promise<void> {
    const { file } = this.#job
    while (this.#hashed < this.#at) {
      const wanted = Math.min(READ_BYTES, this.#at - this.#hashed)
      if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted)
      const { bytesRead } = await file.read(this.#buffer, 0, wanted, this.#hashed)
      if (bytesRead === 0)
        throw new AppError('damaged', 'FILE_SHRANK', 'The file being written became shorter meanwhile')
      this.#digest.update(this.#buffer.subarray(0, bytesRead))
      this.#hashed += bytesRead
    }
  }

  async restart(): Promise<void> {
    const { file, entry, onBytes } = this.#job
    onBytes(-this.#at)
    this.#at = 0
    this.#hashed = 0
    this.#digest = startDigest(entry)
    await file.truncate(0)
  }

  async run(): Promise<void> {
    const { entry, clock = systemClock, retry = RETRY_POLICY, signal } = this.#job
    // An empty file is asked for too: whether the Hub gives it is to be known.
    for (let isDone = this.#at > 0 && this.#at === entry.size; !isDone; ) {
      try {
        isDone = await this.#attempt()
      } catch (thrown) {
        if (signal?.aborted) throw thrown
        const delayMs = planRetry(retry, this.#failures++, toAppError(thrown), Math.random())
        if (delayMs === null) throw thrown
        await clock.sleep(delayMs, signal)
      }
    }
    await this.#hashWritten()
    const actual = this.#digest.digest('hex')
    if (actual !== contentId(entry)) {
      throw mismatch(this.#job.request.url, entry, `its digest is ${actual}, not ${contentId(entry)}`)
    }
  }

  /** False when the server gave another range: the next attempt asks for the whole. */
  async #attempt(): Promise<boolean> {
    const { http, request } = this.#job
    const isRest = this.#at > 0
    const headers = isRest ? { ...request.headers, range: `bytes=${this.#at}-` } : request.headers
    const reply = await http.send({ ...request, headers, idempotent: false, accept: isRest ? [416] : [] })
    try {
      if (isRest && !this.#isRest(reply)) {
        await this.restart()
        if (reply.status !== 200) {
          if (++this.#wrongRanges < WRONG_RANGES_MAX) return false
          const message = `${reply.where}: another range than asked for, again`
          throw new AppError('upstream', 'RANGE_REPLY_WRONG', message, { data: { permanent: true } })
        }
      }
      await this.#receive(reply)
      return true
    } finally {
      await reply.close()
    }
  }

  #isRest({ status, header }: HttpReply): boolean {
    const { size } = this.#job.entry
    // Of an encoded range nobody knows which bytes of the file it is: the whole may come as it is.
    const isPlain = (header('content-encoding') ?? 'identity') === 'identity'
    const given = status === 206 && isPlain ? parseContentRange(header('content-range')) : null
    return given !== null && given.start === this.#at && given.end === size
  }

  async #receive(reply: HttpReply): Promise<void> {
    const { entry, file, onBytes, clock = systemClock } = this.#job
    const { where, status } = reply
    if (status !== 200 && this.#at === 0) throw mismatch(where, entry, `status ${status}`)
    let [sinceMs, sinceBytes] = [clock.monotonicMs(), this.#at]
    for await (const piece of reply.body) {
      if (this.#at === 0 && looksLikeHtml(piece) && !/\.(html?|md|svg|xml|xhtml)$/i.test(entry.path))
        throw htmlError(where)
      if (this.#at + piece.length > entry.size) throw mismatch(where, entry, `more than ${entry.size} bytes came`)
      await writeFully(file, piece, this.#at)
      this.#at += piece.length
      if (this.#at - this.#hashed >= READ_BYTES) await this.#hashWritten()
      // Only what no attempt had before is progress: a server may break at the same place for ever.
      if (this.#at > this.#furthest) this.#failures = 0
      this.#furthest = Math.max(this.#furthest, this.#at)
      onBytes(piece.length)
      if (clock.monotonicMs() - sinceMs < RATE_WINDOW_MS) continue
      if (this.#at - sinceBytes < RATE_WINDOW_BYTES_MIN) throw crawls(where)
      ;[sinceMs, sinceBytes] = [clock.monotonicMs(), this.#at]
    }
    if (this.#at === entry.size) return
    // A reply that names its length ends there or throws by itself; any other may have been cut.
    if (reply.length !== null) throw mismatch(where, entry, `${this.#at} of ${entry.size} bytes came`)
    throw new AppError('network', 'REPLY_CUT_SHORT', `${where}: ${this.#at} of ${entry.size} bytes came`)
  }
}

/** What names the content: SHA-256 of a large file, git blob id of a small one. It is the ETag too. */
export function contentId(entry: TreeFile): string {
  return entry.sha256 ?? entry.oid
}

/** A digest that, fed with the whole content, gives its `contentId`. */
export function startDigest({ sha256, oid, size }: TreeFile): Hash {
  if (sha256 !== null) return createHash('sha256')
  return createHash(oid.length === 64 ? 'sha256' : 'sha1').update(`blob ${size}\0`)
}

function crawls(where: string): AppError {
  const message = `${where}: less than ${RATE_WINDOW_BYTES_MIN} bytes in ${RATE_WINDOW_MS / 1000} s`
  return new AppError('timeout', 'NO_PROGRESS', message)
}

function mismatch(where: string, { path }: TreeFile, what: string): AppError {
  return new AppError('integrity', 'CONTENT_MISMATCH', `${where}: ${path} is not what the Hub lists: ${what}`)
}
