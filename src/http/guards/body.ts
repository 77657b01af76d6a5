/** Request bodies come as streams: these read one within a limit. */
import type { FastifyRequest } from 'fastify'
import type { ZodType } from 'zod'
import { AppError } from '../../base/app-error.ts'
import { parseJson } from '../../base/json.ts'
import { BODIES_HELD_BYTES_MAX, PATH_LIST_BYTES_MAX } from '../limits.ts'

/** To be read once. Whoever stops early leaves the connection open, or the client would never see why it was refused. */
export function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  return request.raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
}

/** The whole body; kind `too-large` as soon as it passes `limit` bytes. */
export async function readBody(request: FastifyRequest, limit: number): Promise<Buffer> {
  return readWhole(request, counted(bodyOf(request)), limit)
}

/** Bytes of bodies that are being read now, in this process. */
let heldBytes = 0

/** Many clients that each stay within their limit must not fill the memory together. */
async function* counted(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let mine = 0
  try {
    for await (const piece of body) {
      mine += piece.length
      heldBytes += piece.length
      if (heldBytes > BODIES_HELD_BYTES_MAX) {
        throw new AppError('busy', 'BODIES_BUSY', 'Too many large requests at once: try again in some seconds')
      }
      yield piece
    }
  } finally {
    heldBytes -= mine
  }
}

/** All of it as one piece, in memory that is taken once; kind `too-large` above `limit`. */
export async function readWhole(
  request: FastifyRequest,
  body: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Buffer> {
  const announced = Number(request.headers['content-length'])
  if (announced > limit) throw tooLarge(limit)
  let bytes = Buffer.allocUnsafe(announced >= 0 ? announced : 65_536)
  let length = 0
  for await (const piece of body) {
    if (length + piece.length > limit) throw tooLarge(limit)
    if (length + piece.length > bytes.length) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(2 * bytes.length, length + piece.length), limit))
      larger.set(bytes.subarray(0, length))
      bytes = larger
    }
    bytes.set(piece, length)
    length += piece.length
  }
  return bytes.subarray(0, length)
}

/** A JSON body of at most `limit` bytes and bounded depth, checked by `schema` where one is given. */
export async function readJson<T = unknown>(
  request: FastifyRequest,
  limit: number = PATH_LIST_BYTES_MAX,
  schema?: ZodType<T>,
): Promise<T> {
  return checkShape(parseJson('the body', await readBody(request, limit)), schema)
}

export function checkShape<T>(value: unknown, schema: ZodType<T> | undefined): T {
  if (schema === undefined) return value as T
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const first = result.error.issues[0]
  const where = first === undefined || first.path.length === 0 ? 'the body' : first.path.join('.')
  const message = `${where}: ${first?.message ?? 'invalid'}`
  throw new AppError('usage', 'FIELD_INVALID', message, { data: { parameter: where } })
}

function tooLarge(limit: number): AppError {
  return new AppError('too-large', 'BODY_TOO_LARGE', `The body has more than ${limit} bytes: send smaller ones`)
}
