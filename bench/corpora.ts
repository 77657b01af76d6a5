/** Files that follow from a seed: `rand` like quantised weights, `bf16` like trained ones, `text` like source code. */
import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

export const CORPORA = ['rand', 'bf16', 'text'] as const
export type Corpus = (typeof CORPORA)[number]

const BLOCK_BYTES = 1024 * 1024
const WEIGHTS = weightOf16Bits()

/** Returns the SHA-256 of what it wrote. */
export function writeCorpus(path: string, corpus: Corpus, mib: number, seed: string): string {
  const key = createHash('sha256').update(`${corpus} ${seed}`).digest()
  const noise = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(BLOCK_BYTES)
  const sha256 = createHash('sha256')
  const descriptor = openSync(path, 'w')
  for (let block = 0; block < mib; block++) {
    const random = noise.update(zeros)
    const bytes = corpus === 'rand' ? random : corpus === 'bf16' ? weightsOf(random) : textOf(random)
    sha256.update(bytes)
    writeSync(descriptor, bytes)
  }
  closeSync(descriptor)
  return sha256.digest('hex')
}

function weightsOf(random: Buffer): Uint8Array {
  const bits = new Uint16Array(random.buffer, random.byteOffset, random.length / 2)
  const weights = new Uint16Array(bits.length)
  for (let i = 0; i < bits.length; i++) weights[i] = WEIGHTS[bits[i] as number] as number
  return new Uint8Array(weights.buffer)
}

/** Sign and mantissa at random; exponents that halve in number with each step below 2^-4. */
function weightOf16Bits(): Uint16Array {
  return Uint16Array.from({ length: 65_536 }, (_, bits) => {
    const exponent = 123 - Math.min(8, Math.clz32(bits & 255) - 24)
    return ((bits >> 15) << 15) | (exponent << 7) | ((bits >> 8) & 127)
  })
}

function textOf(random: Buffer): Uint8Array {
  const lines: string[] = []
  for (let size = 0, at = 0; size < BLOCK_BYTES; at += 2) {
    const x = random.readUInt16LE(at % BLOCK_BYTES)
    const line = `${x} token=${x % 997} weight=${x % 89} the quick brown fox jumps over the lazy dog\n`
    size += line.length
    lines.push(line)
  }
  return Buffer.from(lines.join('')).subarray(0, BLOCK_BYTES)
}
