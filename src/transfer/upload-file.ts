/** One file on its way into a CAS: its terms as they grow, the chunks folded into its hash, its SHA-256. */
import { createHash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import { FileVerifier } from '../xet/file-verifier.ts'
import { FragmentationGuard } from '../xet/fragmentation.ts'
import { type ChunkHash, type FileHash, type RangeHash, verificationHash, type XorbHash } from '../xet/hash.ts'
import type { ShardFile } from '../xet/shard-reader.ts'
import type { XorbSlot } from './known-chunks.ts'

interface GrowingTerm {
  readonly slot: XorbSlot
  readonly start: number
  end: number
  plainLength: number
}

/** What is needed while chunks come. */
class Growing {
  readonly sha256 = createHash('sha256')
  readonly verifier = new FileVerifier()
  readonly guard = new FragmentationGuard()
  /** Hashes of the last term's chunks. */
  open: ChunkHash[] = []
}

export class UploadFile {
  readonly path: string
  #terms: GrowingTerm[] = []
  #ranges: RangeHash[] = []
  #state: Growing | { readonly sha256: string; readonly fileHash: FileHash } = new Growing()
  /** Plain bytes that the CAS did not have. */
  newBytes = 0
  /** No chunk query before this chunk of the file. */
  nextQuery = 0

  constructor(path: string) {
    this.path = path
  }

  get chunkCount(): number {
    return this.#growing.verifier.chunkCount
  }

  get guard(): FragmentationGuard {
    return this.#growing.guard
  }

  hash(bytes: Uint8Array): void {
    this.#growing.sha256.update(bytes)
  }

  /** No chunk comes any more: what a file costs from here on is its terms. A push may hold many thousands. */
  seal(): void {
    if (!(this.#state instanceof Growing)) return
    this.#closeTerm()
    const { sha256, verifier } = this.#state
    this.#state = { sha256: sha256.digest('hex'), fileHash: verifier.fileHash() }
    // A list that grew has room for more.
    this.#terms = this.#terms.slice()
    this.#ranges = this.#ranges.slice()
  }

  get sha256(): string {
    return this.#sealed.sha256
  }

  get fileHash(): FileHash {
    return this.#sealed.fileHash
  }

  /** Whether chunk `index` of `slot` would lengthen the last term. */
  continues(slot: XorbSlot, index: number): boolean {
    const last = this.#terms.at(-1)
    return last !== undefined && last.slot === slot && last.end === index
  }

  append(slot: XorbSlot, index: number, hash: ChunkHash, length: number): void {
    const growing = this.#growing
    growing.verifier.add(hash, length)
    const last = this.#terms.at(-1)
    if (last !== undefined && this.continues(slot, index)) {
      last.end++
      last.plainLength += length
    } else {
      this.#closeTerm()
      this.#terms.push({ slot, start: index, end: index + 1, plainLength: length })
    }
    growing.open.push(hash)
  }

  /** Its entry in a shard, after it was sealed and all xorbs are cut. */
  entry(): ShardFile {
    const terms = this.#terms.map(({ slot, start, end, plainLength }) => {
      return { xorb: slot.hash as XorbHash, start, end, plainLength }
    })
    return { hash: this.fileHash, terms, ranges: this.#ranges, sha256: this.sha256 }
  }

  get #growing(): Growing {
    if (this.#state instanceof Growing) return this.#state
    throw new AppError('bug', 'UPLOAD_FILE_STATE', `${this.path} takes no more chunks`)
  }

  get #sealed() {
    if (!(this.#state instanceof Growing)) return this.#state
    throw new AppError('bug', 'UPLOAD_FILE_STATE', `${this.path} is still being read`)
  }

  #closeTerm(): void {
    const growing = this.#growing
    if (growing.open.length > 0) this.#ranges.push(verificationHash(growing.open))
    growing.open = []
  }
}
