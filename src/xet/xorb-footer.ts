/**
 * The optional index at the end of a xorb. Clients send none; stores that want random access append version 1.
 *
 * ```
 * "XETBLOB" u8 1            xorb hash
 * "XBLBHSH" u8 0  u32 n     n chunk hashes
 * "XBLBBND" u8 1  u32 n     n u32 ends of records, n u32 plain ends of chunks
 * u32 n   u32 from "XBLBHSH" to the end of the buffer   u32 from "XBLBBND" likewise
 * 16 bytes of buffer (the first 4 may be a nonce)   u32 length of everything above
 * ```
 * Version 0 is "XETBLOB" u8 0, hash, n, record ends, hashes, buffer, length. A footer proves nothing: it may only repeat
 * what the records say.
 */
import { AppError } from '../base/app-error.ts'
import { ChunkList } from './chunk-list.ts'
import { HASH_BYTES, PAIR_BYTES, XORB_CHUNKS_MAX, XORB_FOOTER_IDENT } from './constants.ts'
import { formatHash, hashBytes, type XorbHash } from './hash.ts'

const HASHES_IDENT = new TextEncoder().encode('XBLBHSH')
const BOUNDS_IDENT = new TextEncoder().encode('XBLBBND')
const IDENT_BYTES = 8
const BUFFER_BYTES = 16
const NONCE_BYTES = 4
const FIXED_BYTES = 92 + 4
const FIXED_BYTES_V0 = IDENT_BYTES + HASH_BYTES + 4 + BUFFER_BYTES + 4
/** A footer of the largest xorb. */
export const XORB_FOOTER_BYTES_MAX = FIXED_BYTES + XORB_CHUNKS_MAX * (HASH_BYTES + 8)

export interface XorbFooter {
  readonly hash: XorbHash
  readonly chunks: ChunkList
  /** Offset in the body after each record, headers included. */
  readonly recordEnds: ArrayLike<number>
}

export function writeXorbFooter({ hash, chunks, recordEnds }: XorbFooter): Uint8Array {
  const n = chunks.count
  const hashesAt = IDENT_BYTES + HASH_BYTES
  const boundsAt = hashesAt + IDENT_BYTES + 4 + n * HASH_BYTES
  const countAt = boundsAt + IDENT_BYTES + 4 + n * 8
  const bufferEnd = countAt + 12 + BUFFER_BYTES
  const bytes = new Uint8Array(bufferEnd + 4)
  const view = new DataView(bytes.buffer)
  bytes.set(XORB_FOOTER_IDENT)
  bytes[IDENT_BYTES - 1] = 1
  bytes.set(hashBytes(hash), IDENT_BYTES)
  bytes.set(HASHES_IDENT, hashesAt)
  view.setUint32(hashesAt + IDENT_BYTES, n, true)
  bytes.set(BOUNDS_IDENT, boundsAt)
  bytes[boundsAt + IDENT_BYTES - 1] = 1
  view.setUint32(boundsAt + IDENT_BYTES, n, true)
  for (let i = 0; i < n; i++) {
    bytes.set(chunks.hashBytes(i), hashesAt + IDENT_BYTES + 4 + i * HASH_BYTES)
    view.setUint32(boundsAt + IDENT_BYTES + 4 + i * 4, recordEnds[i] as number, true)
    view.setUint32(boundsAt + IDENT_BYTES + 4 + (n + i) * 4, chunks.plainStarts[i + 1] as number, true)
  }
  view.setUint32(countAt, n, true)
  view.setUint32(countAt + 4, bufferEnd - hashesAt, true)
  view.setUint32(countAt + 8, bufferEnd - boundsAt, true)
  view.setUint32(bufferEnd, bufferEnd, true)
  return bytes
}

/** Throws `integrity` unless `tail` is empty or a footer that says what the chunks say, with nothing after it. */
export function checkFooter(tail: Uint8Array, hash: XorbHash, chunks: ChunkList, recordEnds: ArrayLike<number>): void {
  if (tail.length === 0) return
  const version = tail[IDENT_BYTES - 1]
  const ours =
    version === 0 ? writeFooterV0({ hash, chunks, recordEnds }) : writeXorbFooter({ hash, chunks, recordEnds })
  const bufferAt = ours.length - 4 - BUFFER_BYTES
  let same = tail.length === ours.length
  for (let i = 0; same && i < ours.length; i++) {
    const isNonce = i >= bufferAt && i < bufferAt + NONCE_BYTES
    same = isNonce || tail[i] === ours[i]
  }
  if (!same) {
    const data = { hash, tailBytes: tail.length, expectedBytes: ours.length }
    const message = `What follows the ${chunks.count} chunks of ${hash} is no footer of theirs. Send the chunks alone`
    throw new AppError('integrity', 'XORB_FOOTER_MISMATCH', message, { data })
  }
}

/** Reads a footer of either version that fills `bytes` exactly. Every count is checked before it is used. */
export function parseXorbFooter(bytes: Uint8Array): XorbFooter {
  if (bytes.length < FIXED_BYTES_V0 || XORB_FOOTER_IDENT.some((byte, i) => bytes[i] !== byte)) throw malformed()
  const version = bytes[IDENT_BYTES - 1]
  const n = Math.floor(
    (bytes.length - (version === 1 ? FIXED_BYTES : FIXED_BYTES_V0)) / (HASH_BYTES + (version === 1 ? 8 : 4)),
  )
  if ((version !== 0 && version !== 1) || n < 0 || n > XORB_CHUNKS_MAX) throw malformed()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const startAt = IDENT_BYTES + HASH_BYTES
  const hashesAt = version === 1 ? startAt + IDENT_BYTES + 4 : startAt + 4 + n * 4
  const endsAt = version === 1 ? hashesAt + n * HASH_BYTES + IDENT_BYTES + 4 : startAt + 4
  const recordEnds = new Uint32Array(n)
  const packed = new Uint8Array(n * PAIR_BYTES)
  const pairs = new DataView(packed.buffer)
  let plainEnd = 0
  for (let i = 0; i < n; i++) {
    recordEnds[i] = view.getUint32(endsAt + i * 4, true)
    packed.set(bytes.subarray(hashesAt + i * HASH_BYTES, hashesAt + (i + 1) * HASH_BYTES), i * PAIR_BYTES)
    if (version === 0) continue
    const next = view.getUint32(endsAt + (n + i) * 4, true)
    if (next < plainEnd) throw malformed()
    pairs.setUint32(i * PAIR_BYTES + HASH_BYTES, next - plainEnd, true)
    plainEnd = next
  }
  const hash = formatHash<'xorb'>(bytes.subarray(IDENT_BYTES, startAt))
  const footer: XorbFooter = { hash, chunks: new ChunkList(packed), recordEnds }
  // Idents, counts and lengths that were skipped above are compared here.
  try {
    checkFooter(bytes, hash, footer.chunks, recordEnds)
  } catch (cause) {
    throw malformed(cause)
  }
  return footer
}

function writeFooterV0({ hash, chunks, recordEnds }: XorbFooter): Uint8Array {
  const n = chunks.count
  const bytes = new Uint8Array(FIXED_BYTES_V0 + n * (4 + HASH_BYTES))
  const view = new DataView(bytes.buffer)
  bytes.set(XORB_FOOTER_IDENT)
  bytes.set(hashBytes(hash), IDENT_BYTES)
  const countAt = IDENT_BYTES + HASH_BYTES
  view.setUint32(countAt, n, true)
  for (let i = 0; i < n; i++) {
    view.setUint32(countAt + 4 + i * 4, recordEnds[i] as number, true)
    bytes.set(chunks.hashBytes(i), countAt + 4 + n * 4 + i * HASH_BYTES)
  }
  view.setUint32(bytes.length - 4, bytes.length - 4, true)
  return bytes
}

function malformed(cause?: unknown): AppError {
  return new AppError('malformed', 'XORB_FOOTER_MALFORMED', 'The bytes after the chunks are no xorb footer', { cause })
}
