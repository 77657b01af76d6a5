/**
 * The ordered (chunk hash, plain length) pairs of a file, packed as chunk-list.ts does: 36 bytes a chunk. The list proves
 * itself, because the file hash is the root over it.
 */
import { AppError } from '../base/app-error.ts'
import { PAIR_BYTES } from '../xet/constants.ts'
import type { FileEntry } from './file-entry.ts'
import type { Holdings } from './holdings.ts'

export function chunkListBytes(file: FileEntry): number {
  let chunks = 0
  for (const { start, end } of file.terms()) chunks += end - start
  return chunks * PAIR_BYTES
}

export async function* listChunks(holdings: Holdings, file: FileEntry): AsyncIterable<Uint8Array> {
  for (const { xorb: hash, start, end } of file.terms()) {
    const xorb = await holdings.findXorb(hash)
    if (xorb === null) throw new AppError('not-found', 'XORB_LOST', `Xorb ${hash} of the file is gone`)
    yield xorb.chunks.packed.subarray(start * PAIR_BYTES, end * PAIR_BYTES)
  }
}
