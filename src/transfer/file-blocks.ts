/**
 * A local file as runs of whole chunks, read once: 8 MiB at a time, the next read going on while a run is worked on. The
 * file must stay as it was when opened, else the read ends in an error. Memory: two blocks, of which the next file may have
 * the use.
 */
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { Chunker } from '../xet/chunker.ts'
import { CHUNK_PLAIN_BYTES_MAX } from '../xet/constants.ts'

const BLOCK_BYTES = 8 * 1024 * 1024
/** Room before each read for the chunk that the last block began. */
const HEAD_BYTES = CHUNK_PLAIN_BYTES_MAX

const SPARE_STEP_BYTES = 256 * 1024
/** The two blocks of one large file. */
const SPARE_BYTES_MAX = 17 * 1024 * 1024

/**
 * Memory of files that were read, for the next ones. A buffer that lives as long as a file is read outlives V8's young
 * generation, and what outlives that is given back late: of many files it would pile up.
 */
export class BlockMemory {
  /** The last one given is the last of the list. */
  readonly #spare: ArrayBuffer[] = []
  #spareBytes = 0

  take(bytes: number): Uint8Array {
    const rounded = Math.ceil(bytes / SPARE_STEP_BYTES) * SPARE_STEP_BYTES
    const at = this.#spare.findLastIndex(({ byteLength }) => byteLength >= rounded && byteLength <= 2 * rounded)
    const buffer = at < 0 ? new ArrayBuffer(rounded) : this.#remove(at)
    return new Uint8Array(buffer, 0, bytes)
  }

  /** Nobody looks at it any more. */
  give({ buffer }: Uint8Array): void {
    this.#spare.push(buffer as ArrayBuffer)
    this.#spareBytes += buffer.byteLength
    while (this.#spareBytes > SPARE_BYTES_MAX) this.#remove(0)
  }

  #remove(at: number): ArrayBuffer {
    const [buffer] = this.#spare.splice(at, 1) as [ArrayBuffer]
    this.#spareBytes -= buffer.byteLength
    return buffer
  }
}

export interface FileBlock {
  /** The bytes of this read, for a digest over the file. */
  readonly bytes: Uint8Array
  /** Whole chunks, views that are valid until the next block is asked for; the first may begin in the last block. */
  readonly chunks: readonly Uint8Array[]
}

/** `path` is for messages. */
export async function* readFileBlocks(
  file: FileHandle,
  path: string,
  memory = new BlockMemory(),
): AsyncGenerator<FileBlock> {
  const before = await file.stat()
  const capacity = HEAD_BYTES + Math.max(1, Math.min(BLOCK_BYTES, before.size))
  let current = memory.take(capacity)
  let spare = before.size > BLOCK_BYTES ? memory.take(capacity) : new Uint8Array(0)
  const chunker = new Chunker()
  let position = 0
  let tail: Uint8Array = new Uint8Array(0)
  let reading = fill(file, current, position)
  try {
    for (;;) {
      const length = await reading
      position += length
      if (position > before.size) throw changed(path)
      const isLast = length < capacity - HEAD_BYTES || position === before.size
      current.set(tail, HEAD_BYTES - tail.length)
      if (!isLast) reading = fill(file, spare, position)
      const run = cutRun(chunker, current, HEAD_BYTES - tail.length, HEAD_BYTES, HEAD_BYTES + length, isLast)
      yield { bytes: current.subarray(HEAD_BYTES, HEAD_BYTES + length), chunks: run.chunks }
      if (isLast) break
      tail = run.tail
      const done = current
      current = spare
      spare = done
    }
  } finally {
    // A read that still runs writes into memory that nobody looks at; its failure has nobody to tell.
    await reading.catch((error: unknown) => error)
    memory.give(current)
    if (spare.length > 0) memory.give(spare)
  }
  const after = await file.stat()
  if (position !== before.size || after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw changed(path)
}

/** Cuts buffer[from, end) in chunks; bytes before `fresh` are already known to the chunker. */
function cutRun(chunker: Chunker, buffer: Uint8Array, from: number, fresh: number, end: number, isLast: boolean) {
  const chunks: Uint8Array[] = []
  const bytes = buffer.subarray(fresh, end)
  let start = from
  for (let cut = chunker.findCut(bytes); cut >= 0; cut = chunker.findCut(bytes, cut)) {
    chunks.push(buffer.subarray(start, fresh + cut))
    start = fresh + cut
  }
  if (isLast && chunker.finish() > 0) {
    chunks.push(buffer.subarray(start, end))
    start = end
  }
  return { chunks, tail: buffer.subarray(start, end) }
}

async function fill(file: FileHandle, buffer: Uint8Array, position: number): Promise<number> {
  let length = 0
  while (HEAD_BYTES + length < buffer.length) {
    const room = buffer.length - HEAD_BYTES - length
    const { bytesRead } = await file.read(buffer, HEAD_BYTES + length, room, position + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return length
}

export function changed(path: string): AppError {
  return new AppError('conflict', 'FILE_CHANGED', `${path} changed while it was read: push again when nobody writes it`)
}
