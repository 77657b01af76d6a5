/** Folds the chunks of a file, in order, into what its name must be. Keeps a few KB however long the file is. */
import { AppError } from '../base/app-error.ts'
import { type ChunkHash, type FileHash, hashBytes } from './hash.ts'
import { MerkleFold } from './merkle.ts'

export class FileVerifier {
  readonly #fold = new MerkleFold()
  #size = 0

  /** Plain bytes so far. */
  get size(): number {
    return this.#size
  }

  get chunkCount(): number {
    return this.#fold.count
  }

  add(hash: ChunkHash, length: number): void {
    this.#fold.add(hashBytes(hash), length)
    this.#size += length
  }

  fileHash(): FileHash {
    return this.#fold.fileHash()
  }

  /** Throws unless all chunks together are the file `expected`, of `size` bytes when that is known. */
  verify(expected: FileHash, size?: number): void {
    if (size !== undefined && size !== this.#size) {
      throw new AppError('integrity', 'FILE_SIZE_MISMATCH', `${expected} has ${this.#size} bytes, not ${size}`)
    }
    const actual = this.fileHash()
    if (actual !== expected) {
      throw new AppError('integrity', 'FILE_HASH_MISMATCH', `The chunks make ${actual}, not ${expected}`)
    }
  }
}
