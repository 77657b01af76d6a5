/**
 * Proves a file that is written out of order: terms report when all their chunks are written, and in file order their
 * chunk hashes are folded into the file hash and their bytes, read back from the disk, into the SHA-256. What is proved
 * is thereby what was written. Keeps the hashes of terms that wait for an earlier one, nothing else.
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { FileVerifier } from '../xet/file-verifier.ts'
import type { ChunkHash, FileHash } from '../xet/hash.ts'
import type { PlanTerm } from './reconstruction-plan.ts'

const READ_BYTES = 1024 * 1024

/** The chunks of one term as they came. */
export interface TermChunks {
  readonly hashes: ChunkHash[]
  readonly lengths: number[]
}

export interface FileClaim {
  readonly hash: FileHash
  readonly size: number
  /** Null when nobody claims one. */
  readonly sha256: string | null
}

export class OrderedCheck {
  readonly #file: FileHandle
  readonly #verifier = new FileVerifier()
  readonly #sha256 = createHash('sha256')
  readonly #done = new Map<number, { term: PlanTerm; chunks: TermChunks }>()
  #buffer = new Uint8Array(0)
  #nextOffset = 0
  #proved: Promise<void> = Promise.resolve()

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** The chunks of these terms are all written. Resolves when what is provable so far is proved. */
  add(terms: readonly { readonly term: PlanTerm; readonly chunks: TermChunks }[]): Promise<void> {
    for (const one of terms) this.#done.set(one.term.offset, one)
    this.#proved = this.#proved.then(() => this.#advance())
    return this.#proved
  }

  /** The SHA-256, after every term is proved to make up the file. Throws otherwise. */
  finish(claim: FileClaim): string {
    this.#verifier.verify(claim.hash, claim.size)
    const sha256 = this.#sha256.digest('hex')
    if (claim.sha256 !== null && sha256 !== claim.sha256) {
      const message = `File ${claim.hash} has SHA-256 ${sha256}, not ${claim.sha256} as the Hub says`
      throw new AppError('integrity', 'SHA256_MISMATCH', message)
    }
    return sha256
  }

  /** Folds the hashes of the terms that come next, then reads their bytes at one go. */
  async #advance(): Promise<void> {
    const start = this.#nextOffset
    for (let next = this.#done.get(this.#nextOffset); next !== undefined; next = this.#done.get(this.#nextOffset)) {
      this.#done.delete(this.#nextOffset)
      const { term, chunks } = next
      chunks.hashes.forEach((hash, i) => {
        this.#verifier.add(hash, chunks.lengths[i] as number)
      })
      this.#nextOffset += term.plainLength
    }
    await this.#readBack(start, this.#nextOffset - start)
  }

  async #readBack(offset: number, length: number): Promise<void> {
    for (let at = 0; at < length; ) {
      const wanted = Math.min(READ_BYTES, length - at)
      if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted)
      const { bytesRead } = await this.#file.read(this.#buffer, 0, wanted, offset + at)
      if (bytesRead === 0)
        throw new AppError('damaged', 'FILE_SHRANK', 'The file being written became shorter meanwhile')
      this.#sha256.update(this.#buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  }
}
