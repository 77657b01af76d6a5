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
  const reader = new TermReader({ blobs, work }, BATCH_BYTES)
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
    await batch.flush()
    return await pass.digest()
  } finally {
    pass.close()
  }
}

/** Copies short runs of records together; long ones go on as they are. */
class RecordGatherer {
  readonly #pass: Sha256Pass
  readonly #memory = sharedBytes(BATCH_BYTES)
  #length = 0
  #count = 0

  constructor(pass: Sha256Pass) {
    this.#pass = pass
  }

  async add(records: Uint8Array, count: number): Promise<void> {
    const isLong = records.length > LONG_BYTES
    if (isLong || this.#length + records.length > BATCH_BYTES || this.#count + count > BATCH_RECORDS_MAX) {
      await this.flush()
    }
    if (isLong) return this.#pass.add(records)
    copyIn(this.#memory, records, this.#length)
    this.#length += records.length
    this.#count += count
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return
    const batch = this.#memory.subarray(0, this.#length)
    this.#length = 0
    this.#count = 0
    await this.#pass.add(batch)
  }
}
