/**
 * A file's chunks, their hashes and its name in one pass, for when the chunks' bytes are not needed one by one.
 *
 * The caller writes bytes into `room()` and says how many with `fill`; where the kernels have a window of their own no
 * byte is copied again. Memory: the window. `close` gives it back, also after an error.
 */
import { kernels } from './active-kernels.ts'
import { readPairs } from './chunk-list.ts'
import { PAIR_BYTES } from './constants.ts'
import { CHUNK_KEY, type FileHash } from './hash.ts'
import type { KernelWindow } from './kernels.ts'
import { MerkleFold } from './merkle.ts'

export interface FileHasherOptions {
  /** Gets packed pairs (32 raw bytes of hash, u32 length), valid during the call. */
  readonly onChunks?: (pairs: Uint8Array) => void
}

const WINDOW_BYTES = 2 * 1024 * 1024
const PAIRS_MAX = 512

export class FileHasher {
  readonly #window: KernelWindow = kernels.openWindow(WINDOW_BYTES)
  readonly #fold = new MerkleFold()
  readonly #pairs = new Uint8Array(PAIRS_MAX * PAIR_BYTES)
  readonly #onChunks: ((pairs: Uint8Array) => void) | undefined
  /** Bytes of the window that are not yet in a chunk. */
  #filled = 0
  #size = 0

  constructor(options: FileHasherOptions = {}) {
    this.#onChunks = options.onChunks
  }

  get size(): number {
    return this.#size
  }

  get chunkCount(): number {
    return this.#fold.count
  }

  /** Where the next bytes go: always some room, at most until the next `fill`. */
  room(): Uint8Array<ArrayBuffer> {
    return this.#window.bytes.subarray(this.#filled)
  }

  /** The first `count` bytes of `room()` are the file's next ones. */
  fill(count: number): void {
    this.#size += count
    this.#filled += count
    // Small pieces wait: each pass scans the open chunk anew.
    if (this.#filled > WINDOW_BYTES / 2) this.#cut(false)
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.room()
      const part = bytes.subarray(at, at + room.length)
      room.set(part)
      this.fill(part.length)
      at += part.length
    }
  }

  /** The end of the file. */
  finish(): FileHash {
    this.#cut(true)
    return this.#fold.fileHash()
  }

  close(): void {
    this.#window.close()
  }

  #cut(isLast: boolean): void {
    const { bytes } = this.#window
    let start = 0
    for (;;) {
      const count = kernels.cutAndHash(CHUNK_KEY, bytes.subarray(start, this.#filled), isLast, this.#pairs)
      if (count === 0) break
      const pairs = this.#pairs.subarray(0, count * PAIR_BYTES)
      this.#onChunks?.(pairs)
      readPairs(pairs, (hash, length) => {
        this.#fold.add(hash, length)
        start += length
      })
    }
    bytes.copyWithin(0, start, this.#filled)
    this.#filled -= start
  }
}
