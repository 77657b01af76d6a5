/**
 * The SHA-256 of a file while it is written: it is told how far the file is written, and reads it back from the disk, so
 * what is hashed is what was written.
 */
import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { AppError } from '../base/app-error.ts'

/** Small enough to stay in the processor's cache while it is hashed. */
const READ_BYTES = 256 * 1024
/** Others have their turn after so many. */
const TURN_BYTES = 1024 * 1024

export class FileDigest {
  readonly #file: FileHandle
  readonly #sha256 = createHash('sha256')
  #buffer = new Uint8Array(0)
  #at = 0
  #end = 0
  #reading: Promise<void> = Promise.resolve()
  #failure: unknown = null

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** The file's bytes up to `end` are written. */
  extend(end: number): void {
    this.#end = end
    this.#reading = this.#reading
      .then(() => this.#read())
      .catch((error: unknown) => {
        this.#failure ??= error
      })
  }

  /** In lower-case hexadecimal, of all that was told. */
  async finish(): Promise<string> {
    await this.#reading
    if (this.#failure !== null) throw this.#failure
    return this.#sha256.digest('hex')
  }

  /** Resolves when the file is not read any more. */
  async close(): Promise<void> {
    this.#end = 0
    await this.#reading
  }

  async #read(): Promise<void> {
    while (this.#at < this.#end) {
      const wanted = Math.min(READ_BYTES, this.#end - this.#at)
      if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted)
      // Written a moment ago, so they lie in memory: a thread of the pool takes longer to wake than this to read.
      const bytesRead = readSync(this.#file.fd, this.#buffer, 0, wanted, this.#at)
      if (bytesRead === 0) {
        throw new AppError('damaged', 'FILE_SHRANK', 'The file being written became shorter meanwhile')
      }
      this.#sha256.update(this.#buffer.subarray(0, bytesRead))
      this.#at += bytesRead
      if (this.#at % TURN_BYTES < READ_BYTES) await setImmediate()
    }
  }
}
