/**
 * Puts the chunks of one fetched range where the file needs them: a chunk may belong to many terms, a term is a run of
 * chunks. What is waiting is written when the memory given is full, in file order, neighbours together: a hundred
 * thousand terms of one small chunk cost some hundred writes. A chunk whose hash is known is compared before it is kept.
 * What is written is noted in the journal, from which a later writer goes on after it has hashed it all again.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { writeFully } from '../base/atomic-file.ts'
import { systemClock } from '../base/clock.ts'
import { type ChunkList, ChunkListBuilder } from '../xet/chunk-list.ts'
import { CHUNK_PLAIN_BYTES_MAX } from '../xet/constants.ts'
import { chunkHash, formatHash } from '../xet/hash.ts'
import type { DecodedRecord } from '../xet/record-decoder.ts'
import type { FetchJournal, FetchProgress } from './fetch-journal.ts'
import type { OrderedCheck } from './ordered-check.ts'
import type { PlanFetch, PlanTerm } from './reconstruction-plan.ts'

/** Bytes between two notes in the journal: what a killed pull fetches again of each range. */
const NOTE_BYTES = 1024 * 1024
/** And time, however little came. */
const NOTE_MS = 1_000
/** An entry that waits costs more than its bytes. */
const WAITING_PIECES_MAX = 32_768

export interface TermWriterOptions {
  readonly file: FileHandle
  readonly fetch: PlanFetch
  readonly check: OrderedCheck
  /** The file's proved chunks; null when the CAS does not give them. */
  readonly known: ChunkList | null
  readonly journal: FetchJournal | null
  /** Memory for what is not yet written: copies, so that whoever reads may use its own again. Two chunks and more. */
  readonly waiting: Buffer
  readonly onWritten: (bytes: number) => void
}

/** A term whose chunks are coming. */
interface OpenTerm {
  readonly term: PlanTerm
  /** Null where a list of the file's chunks is known, with which each is compared. */
  readonly chunks: ChunkListBuilder | null
  /** Plain bytes of the term so far. */
  end: number
}

interface Piece {
  /** In the file. */
  readonly position: number
  /** In the waiting bytes. */
  readonly from: number
  to: number
}

export class TermWriter {
  readonly #options: TermWriterOptions
  /** Number within the xorb of the chunk that comes next, and where it begins in the stored xorb. */
  #nextChunk: number
  #position: number
  #open: OpenTerm[] = []
  #nextTerm = 0
  readonly #waiting: Buffer
  #waitingBytes = 0
  #pieces: Piece[] = []
  /** Terms whose last piece is among those. */
  #complete: OpenTerm[] = []
  /** Not yet in the journal; they end before the next chunk. */
  readonly #noted = new ChunkListBuilder()
  #notedAt: number
  #notedMs = systemClock.monotonicMs()

  private constructor(options: TermWriterOptions) {
    this.#options = options
    this.#waiting = options.waiting
    this.#nextChunk = options.fetch.start
    this.#position = options.fetch.bytes.start
    this.#notedAt = this.#position
  }

  get nextChunk(): number {
    return this.#nextChunk
  }

  get position(): number {
    return this.#position
  }

  /** Begins where the journal says this fetch came to, if what it tells of is in the file and right; else at its start. */
  static async open(options: TermWriterOptions): Promise<TermWriter> {
    const progress = options.journal?.findProgress(options.fetch) ?? null
    if (progress !== null) {
      const writer = new TermWriter(options)
      if (await writer.#adopt(progress)) return writer
    }
    return new TermWriter(options)
  }

  /** Copies what it needs. Whoever gets a promise waits for it before the next chunk. */
  put({ index, hash, plain, storedBytes }: DecodedRecord): Promise<void> | null {
    const opens = this.#openAt(index)
    for (const open of opens) this.#check(open, index, hash, plain.length)
    const bytes = opens.length * plain.length
    const hasRoom =
      this.#waitingBytes + bytes <= this.#waiting.length && this.#pieces.length + opens.length <= WAITING_PIECES_MAX
    if (!hasRoom) return this.#putManyTimes({ index, hash, plain: plain.slice(), storedBytes })
    for (const open of opens) this.#add(open, hash, plain)
    return this.#finishChunk(index, hash, plain.length, storedBytes)
  }

  /** A chunk that stands at more places than there is room to wait for. */
  async #putManyTimes({ index, hash, plain, storedBytes }: DecodedRecord): Promise<void> {
    for (const open of this.#open) {
      const isFull = this.#waitingBytes + plain.length > this.#waiting.length
      if (isFull || this.#pieces.length >= WAITING_PIECES_MAX) await this.#write()
      this.#add(open, hash, plain)
    }
    await this.#finishChunk(index, hash, plain.length, storedBytes)
  }

  #finishChunk(index: number, hash: Uint8Array, length: number, storedBytes: number): Promise<void> | null {
    const unfinished = this.#closeAfter(index)
    if (unfinished !== null) throw wrongLength(unfinished)
    this.#noted.addRaw(hash, length)
    this.#nextChunk++
    this.#position += storedBytes
    const isFull = this.#waitingBytes + CHUNK_PLAIN_BYTES_MAX > this.#waiting.length
    return isFull || this.#isLong() ? this.#writeAndNote() : null
  }

  /** Writes what waits, hands on the terms it completes, and notes how far this came. Due after the last chunk. */
  async flush(): Promise<void> {
    await this.#write()
    await this.#note()
  }

  async #writeAndNote(): Promise<void> {
    const isLong = this.#isLong()
    await this.#write()
    if (isLong || this.#position - this.#notedAt >= NOTE_BYTES) await this.#note()
  }

  /** On a slow line what waits in memory is minutes of work. */
  #isLong(): boolean {
    return systemClock.monotonicMs() - this.#notedMs >= NOTE_MS
  }

  async #note(): Promise<void> {
    const { fetch, journal } = this.#options
    const { count, pairs } = this.#noted
    if (count === 0) return
    this.#notedAt = this.#position
    this.#notedMs = systemClock.monotonicMs()
    await journal?.append({ fetch, first: this.#nextChunk - count, pairs, position: this.#position })
    this.#noted.clear()
  }

  async #adopt({ chunks, position }: FetchProgress): Promise<boolean> {
    const { fetch, file, onWritten, check } = this.#options
    const buffer = new Uint8Array(CHUNK_PLAIN_BYTES_MAX)
    let adopted = 0
    for (let i = 0; i < chunks.count; i++) {
      const index = fetch.start + i
      const [hash, length] = [chunks.hashBytes(i), chunks.length(i)]
      const name = chunks.hash(i)
      for (const open of this.#openAt(index)) {
        if (this.#findFault(open, index, hash, length) !== null) return false
        const { bytesRead } = await file.read(buffer, 0, length, open.term.offset + open.end)
        if (bytesRead !== length || chunkHash(buffer.subarray(0, length)) !== name) return false
        this.#count(open, hash, length)
        adopted += length
      }
      if (this.#closeAfter(index) !== null) return false
    }
    this.#nextChunk += chunks.count
    this.#position = position
    onWritten(adopted)
    const complete = this.#complete
    this.#complete = []
    check.add(complete)
    return true
  }

  async #write(): Promise<void> {
    const { file, check, onWritten } = this.#options
    const pieces = this.#pieces.sort((a, b) => a.position - b.position)
    const complete = this.#complete
    const bytes = this.#waitingBytes
    this.#pieces = []
    this.#complete = []
    for (let from = 0; from < pieces.length; ) {
      const to = runEnd(pieces, from)
      await this.#writeRun(file, pieces.slice(from, to))
      from = to
    }
    this.#waitingBytes = 0
    onWritten(bytes)
    check.add(complete)
  }

  #add(open: OpenTerm, hash: Uint8Array, plain: Uint8Array): void {
    const position = open.term.offset + open.end
    const from = this.#waitingBytes
    this.#waiting.set(plain, from)
    this.#waitingBytes += plain.length
    const last = this.#pieces.at(-1)
    if (last !== undefined && last.position + last.to - last.from === position) last.to = this.#waitingBytes
    else this.#pieces.push({ position, from, to: this.#waitingBytes })
    this.#count(open, hash, plain.length)
  }

  /** One gathered write; what a short one leaves over goes piece by piece. */
  async #writeRun(file: FileHandle, run: readonly Piece[]): Promise<void> {
    const [first] = run as [Piece]
    const bytesOf = ({ from, to }: Piece) => this.#waiting.subarray(from, to)
    if (run.length === 1) return writeFully(file, bytesOf(first), first.position)
    let { bytesWritten } = await file.writev(run.map(bytesOf), first.position)
    for (const piece of run) {
      const bytes = bytesOf(piece)
      const done = Math.min(bytesWritten, bytes.length)
      if (done < bytes.length) await writeFully(file, bytes.subarray(done), piece.position + done)
      bytesWritten -= done
    }
  }

  /** The terms that chunk `index` belongs to. */
  #openAt(index: number): readonly OpenTerm[] {
    const { terms } = this.#options.fetch
    for (let next = terms[this.#nextTerm]; next !== undefined && next.start <= index; next = terms[this.#nextTerm]) {
      const chunks = this.#options.known === null ? new ChunkListBuilder() : null
      this.#open.push({ term: next, chunks, end: 0 })
      this.#nextTerm++
    }
    return this.#open
  }

  /** Takes out the terms that end with chunk `index`; one that is not as long as the plan says is returned. */
  #closeAfter(index: number): PlanTerm | null {
    if (this.#open.every(({ term }) => index < term.end - 1)) return null
    const still: OpenTerm[] = []
    let wrong: PlanTerm | null = null
    for (const open of this.#open) {
      if (index < open.term.end - 1) still.push(open)
      else if (open.end !== open.term.plainLength) wrong = open.term
      else this.#complete.push(open)
    }
    this.#open = still
    return wrong
  }

  #count(open: OpenTerm, hash: Uint8Array, length: number): void {
    open.chunks?.addRaw(hash, length)
    open.end += length
  }

  #check(open: OpenTerm, index: number, hash: Uint8Array, length: number): void {
    const fault = this.#findFault(open, index, hash, length)
    if (fault !== null) throw fault
  }

  /** Why the chunk cannot be the one that the term needs here; null when it may be. */
  #findFault({ term, end }: OpenTerm, index: number, hash: Uint8Array, length: number): AppError | null {
    const { known } = this.#options
    const number = term.firstChunk + index - term.start
    if (known !== null && !known.hasAt(number, hash, length)) {
      const message = `Chunk ${index} of xorb ${term.xorb} is not chunk ${number} of the file`
      const data = { xorb: term.xorb, chunk: index, hash: formatHash<'chunk'>(hash) }
      return new AppError('integrity', 'CHUNK_HASH_MISMATCH', message, { data })
    }
    return end + length > term.plainLength ? wrongLength(term) : null
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
    if (next.position !== last.position + last.to - last.from) break
    last = next
  }
  return to
}
