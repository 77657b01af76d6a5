/**
 * Bytes of a blob as an answer: whole, one range, or several as `multipart/byteranges`. The first piece is read and
 * checked before the headers, so that damage there is a clean 404; damage later cuts the connection short of its
 * Content-Length, never ends it as if all were there.
 */
import { randomBytes } from 'node:crypto'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { type ByteRange, formatContentRange } from '../../../base/byte-range.ts'

export interface RangesAnswer {
  /** Of the whole blob. */
  readonly length: number
  readonly isPartial: boolean
  readonly ranges: readonly ByteRange[]
  readonly pieces: readonly AsyncIterable<Uint8Array>[]
}

const TYPE = 'application/octet-stream'

/** The same pieces, after the first one was got. Whoever takes it reads it or returns it, else a file stays open. */
export async function openChecked(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]()
  const first = await iterator.next()
  let isFirst = true
  const rest: AsyncIterator<Uint8Array> = {
    next: async () => {
      if (!isFirst) return iterator.next()
      isFirst = false
      return first
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  }
  return { [Symbol.asyncIterator]: () => rest }
}

/**
 * Sends by hand, piece after piece: each is lent, and given back when the system has taken it. Ends when all is sent or
 * the connection is gone.
 */
export async function sendRanges(reply: FastifyReply, answer: RangesAnswer): Promise<void> {
  const { length, isPartial, ranges, pieces } = answer
  const [range, ...others] = ranges
  const [piece] = pieces
  if (range === undefined || piece === undefined) throw new RangeError('At least one range is answered')
  reply.header('accept-ranges', 'bytes')
  if (others.length > 0) return sendBody(reply, joinParts(reply, answer))
  if (isPartial) reply.code(206).header('content-range', formatContentRange(range, length))
  reply.headers({ 'content-type': TYPE, 'content-length': range.end - range.start })
  return sendBody(reply, piece)
}

async function sendBody(reply: FastifyReply, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const { raw } = reply
  reply.hijack()
  raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders)
  try {
    for await (const piece of pieces) await write(raw, piece)
    raw.end()
  } catch {
    // Damage was recorded where it was found, a client that left is no failure; half an answer must not look whole.
    raw.destroy()
  }
}

/** Until the system has taken all of it. */
function write(raw: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('The connection is closed'))
    raw.once('close', onClose)
    raw.write(bytes, (error) => {
      raw.off('close', onClose)
      if (error) reject(error)
      else resolve()
    })
  })
}

function joinParts(reply: FastifyReply, { length, ranges, pieces }: RangesAnswer): AsyncIterable<Uint8Array> {
  const boundary = randomBytes(16).toString('hex')
  const heads = ranges.map((range) =>
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: ${TYPE}\r\nContent-Range: ${formatContentRange(range, length)}\r\n\r\n`,
    ),
  )
  const end = Buffer.from(`\r\n--${boundary}--\r\n`)
  const total = ranges.reduce((sum, range, i) => sum + (heads[i]?.length ?? 0) + range.end - range.start, end.length)
  reply.code(206).headers({ 'content-type': `multipart/byteranges; boundary=${boundary}`, 'content-length': total })
  return partsOf(heads, pieces, end)
}

async function* partsOf(
  heads: readonly Buffer[],
  pieces: readonly AsyncIterable<Uint8Array>[],
  end: Buffer,
): AsyncIterable<Uint8Array> {
  for (const [i, piece] of pieces.entries()) {
    yield heads[i] as Buffer
    yield* piece
  }
  yield end
}
