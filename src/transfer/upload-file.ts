/** One file on its way into a CAS: its terms as they grow, the chunks folded into its hash, its SHA-256. */
import { createHash } from 'node:crypto'
import { FileVerifier } from '../xet/file-verifier.ts'
import { FragmentationGuard } from '../xet/fragmentation.ts'
import { type ChunkHash, type RangeHash, verificationHash, type XorbHash } from '../xet/hash.ts'
import type { ShardFile } from '../xet/shard-reader.ts'
import type { XorbSlot } from './known-chunks.ts'

interface GrowingTerm {
  readonly slot: XorbSlot
  readonly start: number
  end: number
  plainLength: number
}

export class UploadFile {
  readonly path: string
  readonly guard = new FragmentationGuard()
  readonly #sha256 = createHash('sha256')
  readonly #verifier = new FileVerifier()
  readonly #terms: GrowingTerm[] = []
  readonly #ranges: RangeHash[] = []
  /** Hashes of the last term's chunks. */
  #open: ChunkHash[] = []
  #digest: string | null = null
  /** Plain bytes that the CAS did not have. */
  newBytes = 0
  /** No chunk query before this chunk of the file. */
  nextQuery = 0

  constructor(path: string) {
    this.path = path
  }

  get chunkCount(): number {
    return this.#verifier.chunkCount
  }

  get size(): number {
    return this.#verifier.size
  }

  hash(bytes: Uint8Array): void {
    this.#sha256.update(bytes)
  }

  /** Whether chunk `index` of `slot` would lengthen the last term. */
  continues(slot: XorbSlot, index: number): boolean {
    const last = this.#terms.at(-1)
    return last !== undefined && last.slot === slot && last.end === index
  }

  append(slot: XorbSlot, index: number, hash: ChunkHash, length: number): void {
    this.#verifier.add(hash, length)
    const last = this.#terms.at(-1)
    if (last !== undefined && this.continues(slot, index)) {
      last.end++
      last.plainLength += length
    } else {
      this.#closeTerm()
      this.#terms.push({ slot, start: index, end: index + 1, plainLength: length })
    }
    this.#open.push(hash)
  }

  get sha256(): string {
    this.#digest ??= this.#sha256.digest('hex')
    return this.#digest
  }

  get fileHash() {
    return this.#verifier.fileHash()
  }

  /** Its entry in a shard, after all xorbs are cut. */
  entry(): ShardFile {
    this.#closeTerm()
    const terms = this.#terms.map(({ slot, start, end, plainLength }) => {
      return { xorb: slot.hash as XorbHash, start, end, plainLength }
    })
    return { hash: this.fileHash, terms, ranges: this.#ranges, sha256: this.sha256 }
  }

  #closeTerm(): void {
    if (this.#open.length > 0) this.#ranges.push(verificationHash(this.#open))
    this.#open = []
  }
}
