/** Bytes that follow from a seed, so that whoever pulls a file knows what must come without having it on disk. */
import { createCipheriv, createHash } from 'node:crypto'

/** As good as random: nothing in it repeats or compresses. */
export function contentOf(seed: string, bytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes))
}
