/** Bodies of replies, read within limits: bytes, and JSON whose size and depth are bounded before it is parsed. */
import { AppError } from './app-error.ts'

export const JSON_BYTES_MAX = 64 * 1024 * 1024
const JSON_DEPTH_MAX = 64

/** All bytes of `body`; kind `malformed` above `limit`. */
export async function readWhole(where: string, body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of body) {
    length += piece.length
    if (length > limit) {
      throw new AppError('malformed', 'REPLY_TOO_LARGE', `${where}: the reply is larger than ${limit} bytes`)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces, length)
}

/** The beginning of `body` as text, for messages; the rest is left to whoever closes the connection. */
export async function readStart(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of body) {
    pieces.push(piece)
    length += piece.length
    if (length >= limit) break
  }
  return Buffer.concat(pieces).toString('utf8', 0, Math.min(length, limit))
}

export function parseJson(where: string, bytes: Uint8Array): unknown {
  if (looksLikeHtml(bytes)) throw htmlError(where)
  if (depthOf(bytes) > JSON_DEPTH_MAX) {
    throw new AppError('malformed', 'JSON_TOO_DEEP', `${where}: JSON nested deeper than ${JSON_DEPTH_MAX}`)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new AppError('malformed', 'JSON_MALFORMED', `${where}: the reply is not JSON`, { cause })
  }
}

/** A page where data was expected: the mark of a captive portal or a wrong address. */
export function looksLikeHtml(start: Uint8Array): boolean {
  return /^\s*<(!doctype|html|head|body|script)\b/i.test(Buffer.from(start.subarray(0, 64)).toString('latin1'))
}

export function htmlError(where: string): AppError {
  const hint = 'a login page of the network, or a wrong --endpoint?'
  return new AppError('integrity', 'LOOKS_LIKE_HTML', `${where}: the reply looks like HTML (${hint})`)
}

function depthOf(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let inText = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inText) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inText = false
    } else if (byte === 0x22) inText = true
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return deepest
}
