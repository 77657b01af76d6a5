/**
 * Records in a file that only grows, each `length crc32 payload` (u32, little endian). Whoever was killed while writing
 * leaves a torn record: the list ends before the first that is not whole.
 */
import { crc32 } from 'node:zlib'

const HEAD_BYTES = 8

export function frameRecord(payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEAD_BYTES + payload.length)
  const head = new DataView(record.buffer)
  head.setUint32(0, payload.length, true)
  head.setUint32(4, crc32(payload), true)
  record.set(payload, HEAD_BYTES)
  return record
}

/** The payloads (views) of the whole records at the beginning of `bytes`, and where the last of them ends. */
export function readRecords(bytes: Uint8Array): { payloads: Uint8Array[]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const payloads: Uint8Array[] = []
  let end = 0
  while (end + HEAD_BYTES <= bytes.length) {
    const from = end + HEAD_BYTES
    const payload = bytes.subarray(from, from + view.getUint32(end, true))
    if (payload.length !== view.getUint32(end, true) || crc32(payload) !== view.getUint32(end + 4, true)) break
    payloads.push(payload)
    end = from + payload.length
  }
  return { payloads, end }
}
