/**
 * Puts the chunks of one fetched range where the file needs them: a chunk may belong to many terms, a term is a run of
 * chunks. Neighbours are written together, a megabyte at a time. A chunk whose hash is known is compared before it is kept.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { writeFully } from '../base/atomic-file.ts'
import type { ChunkList } from '../xet/chunk-list.ts'
import type { XorbChunk } from '../xet/xorb-reader.ts'
import type { OrderedCheck, TermChunks } from './ordered-check.ts'
import type { PlanFetch, PlanTerm } from './reconstruction-plan.ts'

const BATCH_BYTES = 256 * 1024

export interface TermWriterOptions {
  readonly file: FileHandle
  readonly fetch: PlanFetch
  readonly check: OrderedCheck
  /** The file's proved chunks; null when the CAS does not give them. */
  readonly known: ChunkList | null
  readonly onWritten: (bytes: number) => void
}

/** A term whose chunks are coming. */
class OpenTerm {
  readonly term: PlanTerm
  readonly chunks: TermChunks = { hashes: [], lengths: [] }
  /** Not yet written, in order; they end at `end`. */
  batch: Uint8Array[] = []
  batchBytes = 0
  /** Plain bytes of the term so far. */
  end = 0

  constructor(term: PlanTerm) {
    this.term = term
  }
}

export class TermWriter {
  readonly #options: TermWriterOptions
  #open: OpenTerm[] = []
  #nextTerm = 0

  constructor(options: TermWriterOptions) {
    this.#options = options
  }

  async put(chunk: XorbChunk): Promise<void> {
    const { terms } = this.#options.fetch
    for (
      let next = terms[this.#nextTerm];
      next !== undefined && next.start <= chunk.index;
      next = terms[this.#nextTerm]
    ) {
      this.#open.push(new OpenTerm(next))
      this.#nextTerm++
    }
    let finished = false
    for (const open of this.#open) {
      this.#take(open, chunk)
      const last = chunk.index === open.term.end - 1
      finished ||= last
      if (last || open.batchBytes >= BATCH_BYTES) await this.#flush(open)
      if (last) await this.#finish(open)
    }
    if (finished) this.#open = this.#open.filter(({ term }) => term.end - 1 > chunk.index)
  }

  #take(open: OpenTerm, { hash, plain, index }: XorbChunk): void {
    const { known } = this.#options
    const { term } = open
    const number = term.firstChunk + index - term.start
    if (known !== null && (number >= known.count || known.hash(number) !== hash)) {
      const message = `Chunk ${index} of xorb ${term.xorb} is not chunk ${number} of the file`
      throw new AppError('integrity', 'CHUNK_HASH_MISMATCH', message, { data: { xorb: term.xorb, chunk: index, hash } })
    }
    if (open.end + plain.length > term.plainLength) throw wrongLength(term)
    open.chunks.hashes.push(hash)
    open.chunks.lengths.push(plain.length)
    open.batch.push(plain)
    open.batchBytes += plain.length
    open.end += plain.length
  }

  async #flush(open: OpenTerm): Promise<void> {
    const { batch, batchBytes } = open
    const position = open.term.offset + open.end - batchBytes
    open.batch = []
    open.batchBytes = 0
    await writeAll(this.#options.file, batch, position)
    this.#options.onWritten(batchBytes)
  }

  async #finish({ term, end, chunks }: OpenTerm): Promise<void> {
    if (end !== term.plainLength) throw wrongLength(term)
    await this.#options.check.add(term, chunks)
  }
}

function wrongLength({ xorb, start, end, plainLength }: PlanTerm): AppError {
  const message = `Chunks ${start} to ${end} of xorb ${xorb} are not the ${plainLength} bytes that the plan says`
  return new AppError('integrity', 'TERM_LENGTH_MISMATCH', message)
}

/** One gathered write; what a short one leaves over goes piece by piece. */
async function writeAll(file: FileHandle, batch: readonly Uint8Array[], position: number): Promise<void> {
  if (batch.length === 1) return writeFully(file, batch[0] as Uint8Array, position)
  let { bytesWritten } = await file.writev(batch, position)
  let at = position
  for (const piece of batch) {
    const done = Math.min(bytesWritten, piece.length)
    if (done < piece.length) await writeFully(file, piece.subarray(done), at + done)
    bytesWritten -= done
    at += piece.length
  }
}
