/**
 * A file's bytes, in pieces of any size, as its whole plain chunks.
 *
 * Chunks that lie in one piece are views of it; those that span pieces are joined in a buffer of one chunk. Either way a
 * chunk is valid until the next piece is pushed or the next chunk is asked for: copy what must live longer.
 */
import { Chunker } from './chunker.ts'
import { CHUNK_PLAIN_BYTES_MAX } from './constants.ts'

export class FileChunker {
  readonly #chunker = new Chunker()
  readonly #onChunk: (plain: Uint8Array) => void
  /** The beginning of the current chunk, from earlier pieces. */
  readonly #pending = new Uint8Array(CHUNK_PLAIN_BYTES_MAX)
  #pendingBytes = 0

  constructor(onChunk: (plain: Uint8Array) => void) {
    this.#onChunk = onChunk
  }

  push(bytes: Uint8Array): void {
    let start = 0
    for (let end = this.#chunker.findCut(bytes); end >= 0; end = this.#chunker.findCut(bytes, start)) {
      this.#onChunk(this.#join(bytes.subarray(start, end)))
      start = end
    }
    this.#keep(bytes.subarray(start))
  }

  /** The end of the file: whatever is left is a chunk. The chunker is new again. */
  finish(): void {
    if (this.#chunker.finish() > 0) this.#onChunk(this.#join(new Uint8Array(0)))
  }

  #join(end: Uint8Array): Uint8Array {
    if (this.#pendingBytes === 0) return end
    this.#keep(end)
    const chunk = this.#pending.subarray(0, this.#pendingBytes)
    this.#pendingBytes = 0
    return chunk
  }

  #keep(bytes: Uint8Array): void {
    this.#pending.set(bytes, this.#pendingBytes)
    this.#pendingBytes += bytes.length
  }
}

/** The chunks of `source` in order. A chunk is valid until the next one is asked for. */
export async function* chunksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunker = new Chunker()
  const pending = new Uint8Array(CHUNK_PLAIN_BYTES_MAX)
  let pendingBytes = 0
  for await (const bytes of source) {
    let start = 0
    for (let end = chunker.findCut(bytes); end >= 0; end = chunker.findCut(bytes, start)) {
      const part = bytes.subarray(start, end)
      start = end
      if (pendingBytes === 0) yield part
      else {
        pending.set(part, pendingBytes)
        const chunk = pending.subarray(0, pendingBytes + part.length)
        pendingBytes = 0
        yield chunk
      }
    }
    pending.set(bytes.subarray(start), pendingBytes)
    pendingBytes += bytes.length - start
  }
  if (pendingBytes > 0) yield pending.subarray(0, pendingBytes)
}
