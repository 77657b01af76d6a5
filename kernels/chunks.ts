// Cutting and hashing in one pass, so that a chunk is hashed while it is still in the cache.
import { blake3 } from './blake3'
import { findEnd } from './gear'

const PAIR_BYTES: usize = 36
const HASH_BYTES: usize = 32

/**
 * Whole chunks of [p, p + length), which begins a chunk, as (hash, u32 length) pairs at `pairs`, at most `pairsMax`.
 * Returns their count. The rest may go on, unless `isLast`. `key` and `table` as their kernels take them.
 */
export function cutAndHash(p: usize, length: u32, isLast: bool, key: usize, table: usize, state: usize, pairs: usize, pairsMax: u32): u32 {
  const end = p + length
  let count: u32 = 0
  for (; p < end && count < pairsMax; count++) {
    const chunkBytes = findEnd(p, <u32>(end - p), isLast, table, state)
    if (chunkBytes == 0) break
    const pair = pairs + <usize>count * PAIR_BYTES
    blake3(p, chunkBytes, key, 16, 0, 8, pair)
    store<u32>(pair + HASH_BYTES, chunkBytes)
    p += chunkBytes
  }
  return count
}
