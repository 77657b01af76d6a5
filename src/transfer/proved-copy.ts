/** A file from another name on this machine, hashed on its way: the same content is not fetched twice. */
import { open } from 'node:fs/promises'
import { writeFully } from '../base/atomic-file.ts'
import { contentId, startDigest } from './download-plain.ts'
import type { Incoming } from './file-receipt.ts'
import type { TreeFile } from './hub-client.ts'

const PIECE_BYTES = 1024 * 1024

/** Whether `path` still holds `entry`; if not, nothing of it stays. */
export async function copyProved(
  path: string,
  entry: TreeFile,
  { file, journal }: Incoming,
  signal: AbortSignal,
): Promise<boolean> {
  await file.truncate(0)
  await journal?.clear()
  const digest = startDigest(entry)
  const source = await open(path)
  try {
    const buffer = new Uint8Array(Math.min(PIECE_BYTES, entry.size + 1))
    for (let at = 0; ; ) {
      signal.throwIfAborted()
      const { bytesRead } = await source.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) break
      const piece = buffer.subarray(0, bytesRead)
      digest.update(piece)
      await writeFully(file, piece, at)
      at += bytesRead
    }
  } finally {
    await source.close()
  }
  if (digest.digest('hex') === contentId(entry)) return true
  await file.truncate(0)
  return false
}
