/** Request bodies come as streams: these read one within a limit. */
import type { FastifyRequest } from 'fastify'
import type { ZodType } from 'zod'
import { AppError } from '../../base/app-error.ts'

export const JSON_BYTES_MAX = 8 * 1024 * 1024
const JSON_DEPTH_MAX = 64

/** To be read once. Whoever stops early leaves the connection open, or the client would never see why it was refused. */
export function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  return request.raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
}

/** The whole body; kind `too-large` as soon as it passes `limit` bytes. */
export async function readBody(request: FastifyRequest, limit: number): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limit) throw tooLarge(limit)
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of bodyOf(request)) {
    bytes += part.length
    if (bytes > limit) throw tooLarge(limit)
    parts.push(part)
  }
  return Buffer.concat(parts, bytes)
}

/** A JSON body of at most `limit` bytes and bounded depth, checked by `schema` where one is given. */
export async function readJson<T = unknown>(
  request: FastifyRequest,
  limit: number = JSON_BYTES_MAX,
  schema?: ZodType<T>,
): Promise<T> {
  const text = (await readBody(request, limit)).toString('utf8')
  return checkShape(parseJson(text), schema)
}

export function parseJson(text: string): unknown {
  checkDepth(text)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError('malformed', 'JSON_MALFORMED', `The body is no JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

export function checkShape<T>(value: unknown, schema: ZodType<T> | undefined): T {
  if (schema === undefined) return value as T
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const first = result.error.issues[0]
  const where = first === undefined || first.path.length === 0 ? 'the body' : first.path.join('.')
  throw new AppError('usage', 'FIELD_INVALID', `${where}: ${first?.message ?? 'invalid'}`)
}

/** JSON.parse recurses: nesting is counted before, outside of strings. */
function checkDepth(text: string): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 0x5c) i++
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > JSON_DEPTH_MAX) throw new AppError('malformed', 'JSON_TOO_DEEP', `Deeper than ${JSON_DEPTH_MAX}`)
    } else if (code === 0x5d || code === 0x7d) depth--
  }
}

function tooLarge(limit: number): AppError {
  return new AppError('too-large', 'BODY_TOO_LARGE', `The body has more than ${limit} bytes`)
}
