/** SHA-256 of a stored file, its records gathered into batches for RecordWork: a file may be a million tiny terms. */
import type { FileEntry } from './file-entry.ts'
import type { Holdings, Xorb } from './holdings.ts'
import type { Pacer } from './pacer.ts'
import { TermReader } from './read-term.ts'
import { BATCH_BYTES, BATCH_RECORDS_MAX, type Sha256Pass } from './record-work.ts'

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
  const reader = new TermReader({ blobs, work })
  const pass = work.openSha256()
  try {
    const batch = new RecordGatherer(pass)
    for (const term of entry.terms()) {
      const xorb = await getXorb(term)
      for await (const { records, isShared } of reader.readRecords(xorb, term)) {
        if (isShared) await batch.add(records, term.end - term.start)
        else await batch.pass(records)
        if (pacer.isDue) await pacer.pause()
      }
      onBytes?.(term.plainLength)
    }
    await batch.flush()
    return await pass.digest()
  } finally {
    pass.close()
  }
}

/** Copies records that belong to others together; large ones of our own go on as they are. */
class RecordGatherer {
  readonly #pass: Sha256Pass
  #memory = new Uint8Array(BATCH_BYTES)
  #length = 0
  #count = 0

  constructor(pass: Sha256Pass) {
    this.#pass = pass
  }

  async add(records: Uint8Array, count: number): Promise<void> {
    if (this.#length + records.length > BATCH_BYTES || this.#count + count > BATCH_RECORDS_MAX) await this.flush()
    if (records.length > BATCH_BYTES) return this.#pass.add(records.slice())
    this.#memory.set(records, this.#length)
    this.#length += records.length
    this.#count += count
  }

  async pass(records: Uint8Array): Promise<void> {
    await this.flush()
    await this.#pass.add(records)
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return
    const batch = this.#memory.subarray(0, this.#length)
    this.#memory = new Uint8Array(BATCH_BYTES)
    this.#length = 0
    this.#count = 0
    await this.#pass.add(batch)
  }
}
