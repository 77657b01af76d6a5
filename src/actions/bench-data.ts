/** Bytes to measure with, the same for the same seed: weights as they are stored in bf16, which pack a little. */
import { createCipheriv, createHash } from 'node:crypto'

export const MIB = 1 << 20

/** Gives `mib` pieces of a MiB. None is like another, and no part repeats. */
export function* benchData(mib: number, seed: string): Generator<Buffer> {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(MIB)
  for (let i = 0; i < mib; i++) {
    const piece = cipher.update(zeros)
    // Exponents of small numbers lie close together: the second byte of each pair has little in it.
    for (let at = 1; at < piece.length; at += 2) piece[at] = 0x3c | ((piece[at] ?? 0) & 0x83)
    yield piece
  }
}
