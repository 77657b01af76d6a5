/** What the home of the first layout holds, which lies in home-v1 and is never edited. */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'

export const GOLDEN = fileURLToPath(new URL('home-v1', import.meta.url))
/** Of user golden, scope write: good for nothing but this home. */
export const TOKEN = 'hf_5w7zZw1vfeIjIfUOqx01dkjke3Q3hDKSFdV7zuJN'
export function bytesOf(seed: string, length: number): Buffer {
  const parts = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  )
  return Buffer.concat(parts).subarray(0, length)
}

export const FILES: Readonly<Record<string, Buffer>> = {
  'golden/model/resolve/main/weights.safetensors': bytesOf('weights', 150_000),
  'golden/model/resolve/main/sub/same-start.bin': Buffer.concat([bytesOf('weights', 100_000), bytesOf('tail', 30_000)]),
  'golden/model/resolve/main/README.md': Buffer.from('---\nlicense: mit\n---\n# golden\n'),
  'golden/model/resolve/355a1d627bac64fc8b0684c60f2d3359f47c3460/config.json': Buffer.from('{"model_type":"tiny"}\n'),
  'golden/secret/resolve/main/lfs.bin': bytesOf('lfs', 40_000),
}

