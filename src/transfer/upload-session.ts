/**
 * Files into a CAS, each read once: chunks -> what is known already (this session, then the CAS by chunk queries) ->
 * the rest into xorbs that go up while reading goes on -> shards when all xorbs are there.
 *
 * All files share one xorb in the making, so thousands of small ones travel together. Nothing refers to a xorb that was
 * not acknowledged: shards are sent only after every upload succeeded, and the first failure stops the session.
 * Memory: the xorb in the making and a few on their way, never more: while there is room for none, all packing waits.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { cancelled } from '../base/retry.ts'
import { Semaphore } from '../base/semaphore.ts'
import { CHUNK_HEADER_BYTES, SHARD_BODY_BYTES_MAX, SHARD_ENTRY_BYTES, XORB_CHUNKS_MAX } from '../xet/constants.ts'
import { type ChunkHash, chunkHash, isGlobalDedupEligible } from '../xet/hash.ts'
import type { ShardFile } from '../xet/shard-reader.ts'
import { writeUploadShard, type XorbEntry } from '../xet/shard-writer.ts'
import { XorbBuilder } from '../xet/xorb-writer.ts'
import { BlockMemory, readFileBlocks } from './file-blocks.ts'
import { KnownChunks, type XorbSlot } from './known-chunks.ts'
import type { RemoteCas } from './remote-cas.ts'
import type { SentXorb, SentXorbs } from './sent-xorbs.ts'
import { UploadFile } from './upload-file.ts'
import { UPLOADS_MAX } from './upload-sizes.ts'

/** Chunks between two queries of one file. */
const QUERY_SPACING_CHUNKS = 256
const SHARD_BYTES_TARGET = SHARD_BODY_BYTES_MAX - 6 * 1024 * 1024
const SHARDS_AT_ONCE = 4

export interface UploadSessionOptions {
  readonly cas: RemoteCas
  /** Xorbs on their way at once. */
  readonly uploads: number
  /** Plain bytes of a xorb. */
  readonly xorbBytes: number
  readonly onSent: (bytes: number) => void
  /** What an unfinished push sent, and where this one notes what it sends. */
  readonly sentXorbs?: SentXorbs | undefined
  readonly signal?: AbortSignal | undefined
}

export class UploadSession {
  readonly #cas: RemoteCas
  readonly #options: UploadSessionOptions
  readonly #known = new KnownChunks()
  readonly #asked = new Set<ChunkHash>()
  readonly #slots: Semaphore
  readonly #xorbBytes: number
  readonly #stop = new AbortController()
  readonly #sending: Promise<void>[] = []
  readonly #xorbs: XorbEntry[] = []
  /** Bodies that were sent: memory for the next ones. */
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  readonly #blocks = new BlockMemory()
  #builder: XorbBuilder
  #slot: XorbSlot = { hash: null, hashes: [] }
  /** The file whose chunk was packed last: compression is chosen anew for each. */
  #packing: UploadFile | null = null
  /** Shared by all files that need room. */
  #cutting: Promise<void> | null = null
  #failure: unknown = null

  constructor(options: UploadSessionOptions) {
    this.#cas = options.cas
    this.#options = options
    this.#slots = new Semaphore(Math.min(options.uploads, UPLOADS_MAX))
    this.#xorbBytes = options.xorbBytes
    this.#builder = this.#newBuilder()
    const { signal, sentXorbs } = options
    for (const xorb of sentXorbs?.earlier ?? []) this.#known.recall(xorb)
    signal?.addEventListener('abort', () => void this.abandon(cancelled(signal.reason)), { once: true })
  }

  /** Reads the file and packs what the CAS does not have. Its content is on the server only after `finish`. */
  async add(path: string, file: FileHandle, onRead: (bytes: number) => void): Promise<UploadFile> {
    const upload = new UploadFile(path)
    for await (const { bytes, chunks } of readFileBlocks(file, path, this.#blocks)) {
      this.#check()
      upload.hash(bytes)
      const hashes = chunks.map(chunkHash)
      await this.#ask(upload, hashes)
      await this.#place(upload, hashes, chunks)
      onRead(bytes.length)
    }
    upload.seal()
    return upload
  }

  /** Waits for all xorbs, then registers `files`. */
  async finish(files: readonly UploadFile[]): Promise<void> {
    if (this.#builder.count > 0) await this.#cut()
    await Promise.all(this.#sending)
    this.#check()
    const shards = planShards(uniqueFiles(files), this.#xorbs)
    const atOnce = new Semaphore(SHARDS_AT_ONCE)
    await Promise.all(
      shards.map((contents) =>
        atOnce.run(async () => {
          const body = writeUploadShard(contents)
          await this.#cas.putShard(body)
          this.#options.onSent(body.length)
        }),
      ),
    )
  }

  /** Ends what is on its way; for when something else went wrong. */
  async abandon(error: unknown): Promise<void> {
    this.#failure ??= error
    this.#stop.abort(cancelled(error))
    await Promise.allSettled(this.#sending)
  }

  /** Asks the CAS for the first chunk of a file and for eligible ones, unless they are known. */
  async #ask(upload: UploadFile, hashes: readonly ChunkHash[]): Promise<void> {
    const queries: Promise<void>[] = []
    hashes.forEach((hash, i) => {
      const number = upload.chunkCount + i
      if (number < upload.nextQuery || (number > 0 && !isGlobalDedupEligible(hash))) return
      if (this.#asked.has(hash) || this.#known.has(hash)) return
      this.#asked.add(hash)
      upload.nextQuery = number + QUERY_SPACING_CHUNKS
      queries.push(this.#query(hash))
    })
    await Promise.all(queries)
  }

  async #query(hash: ChunkHash): Promise<void> {
    const shard = await this.#cas.findDedupShard(hash)
    try {
      if (shard !== null) this.#known.tell(shard)
    } catch (error) {
      // Deduplication only spares work: an answer that is no shard spares none.
      if (!(error instanceof AppError) || error.kind !== 'malformed') throw error
    }
  }

  async #place(upload: UploadFile, hashes: readonly ChunkHash[], chunks: readonly Uint8Array[]): Promise<void> {
    for (let i = 0; i < chunks.length; ) {
      const run = this.#known.findRun(hashes, i)
      if (run !== null) {
        const continues = upload.continues(run.slot, run.start)
        if (upload.guard.accept(run.count, continues)) {
          for (let k = 0; k < run.count; k++, i++) {
            upload.append(run.slot, run.start + k, hashes[i] as ChunkHash, (chunks[i] as Uint8Array).length)
          }
          upload.guard.append(run.count, continues)
          continue
        }
      }
      await this.#pack(upload, hashes[i] as ChunkHash, chunks[i] as Uint8Array)
      i++
    }
  }

  async #pack(upload: UploadFile, hash: ChunkHash, plain: Uint8Array): Promise<void> {
    while (!this.#hasRoom(plain.length)) await this.#makeRoom()
    if (this.#packing !== upload) this.#builder.startFile()
    this.#packing = upload
    const index = this.#builder.add(hash, plain)
    this.#known.add(hash, this.#slot)
    const continues = upload.continues(this.#slot, index)
    upload.append(this.#slot, index, hash, plain.length)
    upload.guard.append(1, continues)
    upload.newBytes += plain.length
  }

  #hasRoom(plainLength: number): boolean {
    return this.#builder.fits(plainLength) && this.#builder.plainBytes + plainLength <= this.#xorbBytes
  }

  /** However many files wait for it, one xorb is cut. */
  async #makeRoom(): Promise<void> {
    this.#cutting ??= this.#cut()
    try {
      await this.#cutting
    } finally {
      this.#cutting = null
    }
  }

  /** Closes the xorb in the making when its place among those on their way is free: until then nobody packs. */
  async #cut(): Promise<void> {
    const release = await this.#slots.acquire(1, this.#stop.signal)
    const { hash, chunks, body } = this.#builder.finish()
    const slot = this.#slot
    slot.hash = hash
    this.#xorbs.push({ hash, chunks })
    this.#slot = { hash: null, hashes: [] }
    this.#builder = this.#newBuilder()
    const sending = this.#send({ hash, chunks: slot.hashes }, body).finally(() => {
      this.#spare.push(new Uint8Array(body.buffer as ArrayBuffer))
      release()
    })
    this.#sending.push(sending)
    sending.catch((error: unknown) => this.abandon(error))
    this.#check()
  }

  #newBuilder(): XorbBuilder {
    // Room for bytes that do not compress, with their headers. Untouched parts cost no memory.
    const bodyBytes = this.#xorbBytes + XORB_CHUNKS_MAX * CHUNK_HEADER_BYTES
    return new XorbBuilder({ buffer: this.#spare.pop() ?? new Uint8Array(bodyBytes) })
  }

  async #send(xorb: SentXorb, body: Uint8Array): Promise<void> {
    await this.#cas.putXorb(xorb.hash, body, this.#stop.signal)
    this.#options.onSent(body.length)
    await this.#options.sentXorbs?.add(xorb)
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure
    if (this.#options.signal?.aborted) throw cancelled(this.#options.signal.reason)
  }
}

/** Equal contents under several paths are one entry. */
function uniqueFiles(files: readonly UploadFile[]): ShardFile[] {
  const entries = new Map<string, ShardFile>()
  for (const file of files) if (!entries.has(file.fileHash)) entries.set(file.fileHash, file.entry())
  return [...entries.values()]
}

/** Shards below the size limit; together they hold every file and every new xorb once. */
function planShards(files: readonly ShardFile[], xorbs: readonly XorbEntry[]) {
  const shards: { files: ShardFile[]; xorbs: XorbEntry[] }[] = []
  let bytes = Number.POSITIVE_INFINITY
  const shardFor = (entries: number) => {
    bytes += entries * SHARD_ENTRY_BYTES
    if (bytes > SHARD_BYTES_TARGET) {
      shards.push({ files: [], xorbs: [] })
      bytes = entries * SHARD_ENTRY_BYTES
    }
    return shards.at(-1) as (typeof shards)[number]
  }
  if (files.length === 0) return shards
  for (const xorb of xorbs) shardFor(1 + xorb.chunks.count).xorbs.push(xorb)
  for (const file of files) shardFor(2 + 2 * file.terms.length).files.push(file)
  return shards
}
