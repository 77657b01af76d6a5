/** Bodies of replies, read within limits: bytes, and JSON. */
import { AppError } from './app-error.ts'
import { parseJson } from './json.ts'

export const JSON_BYTES_MAX = 64 * 1024 * 1024

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

/** A reply's JSON; a page of a captive portal is named as such. */
export function parseReply(where: string, bytes: Uint8Array): unknown {
  if (looksLikeHtml(bytes)) throw htmlError(where)
  return parseJson(where, bytes)
}

/** A page where data was expected: the mark of a captive portal or a wrong address. */
export function looksLikeHtml(start: Uint8Array): boolean {
  return /^\s*<(!doctype|html|head|body|script)\b/i.test(Buffer.from(start.subarray(0, 64)).toString('latin1'))
}

export function htmlError(where: string): AppError {
  const hint = 'a login page of the network, or a wrong --endpoint?'
  return new AppError('integrity', 'LOOKS_LIKE_HTML', `${where}: the reply looks like HTML (${hint})`)
}
