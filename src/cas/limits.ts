/** Bounds of the CAS that are ours, not the protocol's. Tests shrink them through `Holdings`. */
export interface CasLimits {
  /** Chunks that one shard's files may name, repeats included: 2^21 is a file of 128 GiB and 15 s of hashing in slices. */
  readonly fileChunksMax: number
  /** SHA-256 passes over stored bytes at once. */
  readonly sha256Passes: number
  /** Bodies of shards held in memory at once, in bytes. */
  readonly shardBytes: number
  /** Bytes of one answer to a chunk query. */
  readonly dedupAnswerBytesMax: number
}

export const CAS_LIMITS: CasLimits = {
  fileChunksMax: 2 ** 21,
  sha256Passes: 2,
  shardBytes: 136 * 1024 * 1024,
  dedupAnswerBytesMax: 4 * 1024 * 1024,
}
