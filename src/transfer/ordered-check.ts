/**
 * Proves a file that is written out of order: terms report when all their chunks are written. In file order their chunk
 * hashes are folded into the file hash, unless each chunk was compared with a proved list already, and their bytes, read
 * back from the disk, into the SHA-256. What is proved is thereby what was written. Keeps the hashes of terms that wait
 * for an earlier one, nothing else.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { type ChunkList, type ChunkListBuilder, readPairs } from '../xet/chunk-list.ts'
import type { FileHash } from '../xet/hash.ts'
import { MerkleFold } from '../xet/merkle.ts'
import { FileDigest } from './file-digest.ts'
import type { PlanTerm } from './reconstruction-plan.ts'

export interface FileClaim {
  readonly hash: FileHash
  readonly size: number
  /** Null when nobody claims one. */
  readonly sha256: string | null
}

/** All chunks of a term, written and, where a list is known, compared. */
export interface WrittenTerm {
  readonly term: PlanTerm
  /** Of its chunks; not needed where a list is known. */
  readonly chunks: ChunkListBuilder | null
}

export class OrderedCheck {
  readonly #claim: FileClaim
  readonly #known: ChunkList | null
  readonly #digest: FileDigest
  readonly #fold = new MerkleFold()
  readonly #done = new Map<number, WrittenTerm>()
  #nextOffset = 0
  #nextChunk = 0

  /** `known`: the chunks of the file, proved. */
  constructor(file: FileHandle, claim: FileClaim, known: ChunkList | null) {
    this.#claim = claim
    this.#known = known
    this.#digest = new FileDigest(file)
  }

  /** The chunks of these terms are all in the file. */
  add(terms: readonly WrittenTerm[]): void {
    for (const one of terms) this.#done.set(one.term.offset, one)
    const start = this.#nextOffset
    for (let next = this.#done.get(this.#nextOffset); next !== undefined; next = this.#done.get(this.#nextOffset)) {
      this.#done.delete(this.#nextOffset)
      const { term, chunks } = next
      if (chunks !== null) readPairs(chunks.pairs, (hash, length) => this.#fold.add(hash, length))
      this.#nextOffset += term.plainLength
      this.#nextChunk += term.end - term.start
    }
    if (this.#nextOffset > start) this.#digest.extend(this.#nextOffset)
  }

  /** The SHA-256, after every term is proved to make up the file. Throws otherwise. */
  async finish(): Promise<string> {
    const { hash, size, sha256: claimed } = this.#claim
    if (this.#nextOffset !== size) {
      throw new AppError('integrity', 'FILE_SIZE_MISMATCH', `${hash} has ${this.#nextOffset} bytes, not ${size}`)
    }
    const isWhole = this.#known === null ? this.#fold.fileHash() === hash : this.#nextChunk === this.#known.count
    if (!isWhole) {
      const message = `The chunks make ${this.#known === null ? this.#fold.fileHash() : 'another file'}, not ${hash}`
      throw new AppError('integrity', 'FILE_HASH_MISMATCH', message)
    }
    const sha256 = await this.#digest.finish()
    if (claimed !== null && sha256 !== claimed) {
      const message = `File ${hash} has SHA-256 ${sha256}, not ${claimed} as the Hub says`
      throw new AppError('integrity', 'SHA256_MISMATCH', message)
    }
    return sha256
  }

  /** Resolves when the file is not read any more. */
  close(): Promise<void> {
    return this.#digest.close()
  }
}
