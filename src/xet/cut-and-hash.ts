/** Cutting and hashing with any driver's scan and hash: how those without a joint loop of their own do it. */
import { CHUNK_PLAIN_BYTES_MAX, CHUNK_PLAIN_BYTES_MIN, CHUNK_SKIP_BYTES, HASH_BYTES, PAIR_BYTES } from './constants.ts'
import type { Kernels } from './kernels.ts'

export function cutAndHashWith(
  kernels: Pick<Kernels, 'scanGear' | 'hashKeyed'>,
  key: Uint8Array,
  bytes: Uint8Array,
  isLast: boolean,
  pairs: Uint8Array,
): number {
  const view = new DataView(pairs.buffer, pairs.byteOffset, pairs.byteLength)
  let count = 0
  for (let start = 0; start < bytes.length && (count + 1) * PAIR_BYTES <= pairs.length; count++) {
    const end = findEnd(kernels, bytes, start, isLast)
    if (end < 0) break
    pairs.set(kernels.hashKeyed(key, bytes.subarray(start, end)), count * PAIR_BYTES)
    view.setUint32(count * PAIR_BYTES + HASH_BYTES, end - start, true)
    start = end
  }
  return count
}

function findEnd(kernels: Pick<Kernels, 'scanGear'>, bytes: Uint8Array, start: number, isLast: boolean): number {
  const state = { high: 0, low: 0 }
  const limit = Math.min(start + CHUNK_PLAIN_BYTES_MAX, bytes.length)
  for (let at = start + CHUNK_SKIP_BYTES; at < limit; ) {
    at = kernels.scanGear(state, bytes, at, limit)
    if (at < 0) break
    if (at - start >= CHUNK_PLAIN_BYTES_MIN) return at
  }
  return isLast || limit - start === CHUNK_PLAIN_BYTES_MAX ? limit : -1
}
