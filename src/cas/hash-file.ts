/** SHA-256 of a stored file, its records gathered into batches for RecordWork: a file may be a million tiny terms. */
import type { FileEntry } from './file-entry.ts'
import type { Holdings, Xorb } from './holdings.ts'
import type { Pacer } from './pacer.ts'
import { TermReader } from './read-term.ts'
import { BATCH_BYTES, BATCH_RECORDS_MAX, type Sha256Pass } from './record-work.ts'
import { copyIn, sharedBytes } from './shared-memory.ts'

/** Copying so many bytes costs more than a message to a thread. */
const LONG_BYTES = 128 * 1024

export interface HashFileOptions {
  readonly pacer: Pacer
  /** Throws when the xorb is not there or cannot be used for these chunks. */
  getXorb(term: { xorb: Xorb['hash']; start: number; end: number }): Promise<Xorb>
  onBytes?(count: number): void
}

/** In lower-case hexadecimal. */
export async function hashFile(
  { blobs, work }: Pick<Holdings, 'blobs' | 'work'>,
  entry: FileEntry,
  { pacer, getXorb, onBytes }: HashFileOptions,
): Promise<string> {
  // One is read into while a thread hashes the other.
  const reader = new TermReader({ blobs, work }, { bytes: BATCH_BYTES, memories: 2 })
  const pass = work.openSha256()
  try {
    const batch = new RecordGatherer(pass)
    for (const term of entry.terms()) {
      const xorb = await getXorb(term)
      for await (const { records, count } of reader.readRecords(xorb, term)) {
        await batch.add(records, count)
        if (pacer.isDue) await pacer.pause()
      }
      onBytes?.(term.plainLength)
    }
    await batch.end()
    return await pass.digest()
  } finally {
    pass.close()
  }
}

/** Copies short runs of records together; long ones go on as they are. One batch is hashed while the next is gathered. */
class RecordGatherer {
  readonly #pass: Sha256Pass
  #memory = sharedBytes(BATCH_BYTES)
  #spare = sharedBytes(BATCH_BYTES)
  #length = 0
  #count = 0
  /** Resolves to why it failed, or null. */
  #hashing: Promise<unknown> = Promise.resolve(null)
  /** What is hashed lies in memory of the reader, who has read once since and must not again. */
  #isLent = false

  constructor(pass: Sha256Pass) {
    this.#pass = pass
  }

  async add(records: Uint8Array, count: number): Promise<void> {
    if (this.#isLent) await this.#hashed()
    const isLong = records.length > LONG_BYTES
    if (isLong || this.#length + records.length > BATCH_BYTES || this.#count + count > BATCH_RECORDS_MAX) {
      await this.#flush()
    }
    if (isLong) {
      await this.#hash(records)
      this.#isLent = true
      return
    }
    copyIn(this.#memory, records, this.#length)
    this.#length += records.length
    this.#count += count
  }

  /** Resolves when all of it is hashed. */
  async end(): Promise<void> {
    await this.#flush()
    await this.#hashed()
  }

  async #flush(): Promise<void> {
    if (this.#length === 0) return
    const batch = this.#memory.subarray(0, this.#length)
    ;[this.#memory, this.#spare] = [this.#spare, this.#memory]
    this.#length = 0
    this.#count = 0
    await this.#hash(batch)
  }

  /** Resolves when the bytes before these are hashed. */
  async #hash(records: Uint8Array): Promise<void> {
    await this.#hashed()
    this.#hashing = this.#pass.add(records).then(
      () => null,
      (error: unknown) => error,
    )
  }

  async #hashed(): Promise<void> {
    const failure = await this.#hashing
    this.#isLent = false
    if (failure !== null) throw failure
  }
}
