/**
 * Puts the chunks of one fetched range where the file needs them: a chunk may belong to many terms, a term is a run of
 * chunks. What is waiting is written half a megabyte at a time, in file order, neighbours together: a hundred thousand
 * terms of one small chunk cost some hundred writes. A chunk whose hash is known is compared before it is kept.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { writeFully } from '../base/atomic-file.ts'
import type { ChunkList } from '../xet/chunk-list.ts'
import type { XorbChunk } from '../xet/xorb-reader.ts'
import type { OrderedCheck, TermChunks } from './ordered-check.ts'
import type { PlanFetch, PlanTerm } from './reconstruction-plan.ts'

const WAITING_BYTES_MAX = 512 * 1024
/** An entry that waits costs more than its bytes. */
const WAITING_PIECES_MAX = 32_768

export interface TermWriterOptions {
  readonly file: FileHandle
  readonly fetch: PlanFetch
  readonly check: OrderedCheck
  /** The file's proved chunks; null when the CAS does not give them. */
  readonly known: ChunkList | null
  readonly onWritten: (bytes: number) => void
}

/** A term whose chunks are coming. */
interface OpenTerm {
  readonly term: PlanTerm
  readonly chunks: TermChunks
  /** Plain bytes of the term so far. */
  end: number
}

interface Piece {
  readonly bytes: Uint8Array
  /** In the file. */
  readonly position: number
}

export class TermWriter {
  readonly #options: TermWriterOptions
  #open: OpenTerm[] = []
  #nextTerm = 0
  /** Not yet written. */
  #pieces: Piece[] = []
  #waitingBytes = 0
  /** Terms whose last piece is among those. */
  #complete: OpenTerm[] = []

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
      this.#open.push({ term: next, chunks: { hashes: [], lengths: [] }, end: 0 })
      this.#nextTerm++
    }
    const still: OpenTerm[] = []
    for (const open of this.#open) {
      this.#take(open, chunk)
      if (chunk.index < open.term.end - 1) still.push(open)
      else if (open.end !== open.term.plainLength) throw wrongLength(open.term)
      else this.#complete.push(open)
      if (this.#waitingBytes >= WAITING_BYTES_MAX || this.#pieces.length >= WAITING_PIECES_MAX) await this.flush()
    }
    this.#open = still
  }

  /** Writes what waits, and has the terms it completes proved. Due after the last chunk. */
  async flush(): Promise<void> {
    const { file, check, onWritten } = this.#options
    const pieces = this.#pieces.sort((a, b) => a.position - b.position)
    const complete = this.#complete
    const bytes = this.#waitingBytes
    this.#pieces = []
    this.#complete = []
    this.#waitingBytes = 0
    for (let from = 0; from < pieces.length; ) {
      const to = runEnd(pieces, from)
      await writeRun(file, pieces.slice(from, to))
      from = to
    }
    onWritten(bytes)
    await check.add(complete)
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
    this.#pieces.push({ bytes: plain, position: term.offset + open.end })
    this.#waitingBytes += plain.length
    open.end += plain.length
  }
}

function wrongLength({ xorb, start, end, plainLength }: PlanTerm): AppError {
  const message = `Chunks ${start} to ${end} of xorb ${xorb} are not the ${plainLength} bytes that the plan says`
  return new AppError('integrity', 'TERM_LENGTH_MISMATCH', message)
}

/** Where the run of pieces ends that follow each other in the file from `from` on. */
function runEnd(pieces: readonly Piece[], from: number): number {
  let to = from + 1
  for (let last = pieces[from] as Piece; to < pieces.length; to++) {
    const next = pieces[to] as Piece
    if (next.position !== last.position + last.bytes.length) break
    last = next
  }
  return to
}

/** One gathered write; what a short one leaves over goes piece by piece. */
async function writeRun(file: FileHandle, run: readonly Piece[]): Promise<void> {
  const { bytes, position: start } = run[0] as Piece
  if (run.length === 1) return writeFully(file, bytes, start)
  let { bytesWritten } = await file.writev(
    run.map((piece) => piece.bytes),
    start,
  )
  for (const piece of run) {
    const done = Math.min(bytesWritten, piece.bytes.length)
    if (done < piece.bytes.length) await writeFully(file, piece.bytes.subarray(done), piece.position + done)
    bytesWritten -= done
  }
}
