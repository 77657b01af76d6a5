/** Whether a reply is the byte range that was asked for, and nothing else. */
import { AppError } from './app-error.ts'
import { type ByteRange, parseContentRange } from './byte-range.ts'
import { htmlError, looksLikeHtml, readStart } from './http-body.ts'

const BYTES_TYPE = /^(application|binary)\/octet-stream/

interface RangeReply {
  readonly status: number
  /** Method and address for messages. */
  readonly where: string
  /** Of the body; null when the reply does not say. */
  readonly length: number | null
  header(name: string): string | undefined
  readonly body: AsyncIterable<Uint8Array>
}

/** Throws unless it is. `allowsUnnamed`: a reply that names no range may be judged by its length. */
export async function checkRange(reply: RangeReply, range: ByteRange, allowsUnnamed = false): Promise<void> {
  if (allowsUnnamed && isUnnamed(reply, range)) return
  const { where, status, length } = reply
  if (status !== 206) {
    if (/text\/html/.test(reply.header('content-type') ?? '')) throw htmlError(where)
    if (looksLikeHtml(Buffer.from(status === 200 ? await readStart(reply.body, 64) : ''))) throw htmlError(where)
    throw wrongRange(where, `status ${status} in place of 206`)
  }
  const given = parseContentRange(reply.header('content-range'))
  if (given === null) throw wrongRange(where, 'no Content-Range')
  if (given.start !== range.start || given.end !== range.end) throw wrongRange(where, 'another range than asked for')
  if (length !== null && length !== range.end - range.start) throw wrongRange(where, `Content-Length ${length}`)
}

/** Some stores cut the range that was asked for and do not name it: by its length it can be no other, nor the whole. */
function isUnnamed({ status, length, header }: RangeReply, range: ByteRange): boolean {
  const saysNothing = header('content-range') === undefined && BYTES_TYPE.test(header('content-type') ?? '')
  return saysNothing && (status === 206 || status === 200) && length === range.end - range.start
}

export function wrongRange(where: string, what: string): AppError {
  return new AppError('upstream', 'RANGE_REPLY_WRONG', `${where}: ${what}`)
}
