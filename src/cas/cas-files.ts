/** Whole files in the CAS, for those who already know who may do what: the Hub's routes, LFS and commits. */
import type { ByteRange } from '../base/byte-range.ts'
import type { FileHash } from '../xet/hash.ts'

export interface StoredFile {
  readonly hash: FileHash
  /** Plain bytes. */
  readonly size: number
  /** Lower-case hexadecimal, computed from the bytes by us; null when no shard ever claimed one. */
  readonly sha256: string | null
}

export interface IngestOptions {
  /** Kind `integrity`, code LFS_OID_MISMATCH, when the bytes are others. */
  readonly sha256: string
  readonly size: number
}

export interface CasFiles {
  find(hash: FileHash): Promise<StoredFile | null>
  /**
   * The file with this SHA-256 if it was verified for `account`: by its own shard or LFS upload within 22 days, or from
   * a repository it may read; null otherwise. Knowing a SHA-256 gives nothing (contract 6.2). Damaged files are null.
   */
  findVerified(account: string, sha256: string): Promise<StoredFile | null>
  /**
   * The plain bytes of `range` (default: all). No account: the caller has checked the repository. Every chunk's hash is
   * checked before it is yielded; a damaged first batch throws (kind `damaged`) before the first byte.
   */
  open(hash: FileHash, range?: ByteRange): AsyncIterable<Uint8Array>
  /** Chunks, packs and registers a file sent as plain bytes; durable and leased to `account` when it resolves. */
  ingest(account: string, body: AsyncIterable<Uint8Array>, expected: IngestOptions): Promise<StoredFile>
  /** Makes repository `repo` (an id of Access) hold the files: durable before the git ref moves. */
  attach(repo: string, files: readonly FileHash[]): Promise<void>
  /** The repository holds these no more, whatever else does: to be called when no commit names them. Gives their sizes. */
  release(repo: string, sha256s: Iterable<string>): Promise<number>
  /** The repository is deleted: what only it held may be swept. */
  detach(repo: string): Promise<void>
}
