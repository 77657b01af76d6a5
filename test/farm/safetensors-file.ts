/** Writes safetensors files for tests, in float32 or rounded to bfloat16. */
import { writeFileSync } from 'node:fs'

export interface TensorToWrite {
  readonly shape: readonly number[]
  readonly floats: Float32Array
}

export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  dtype: 'F32' | 'BF16',
): void {
  let end = 0
  const parts: Buffer[] = []
  const entries = [...tensors].map(([name, { shape, floats }]) => {
    const bytes = dtype === 'F32' ? Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength) : halves(floats)
    parts.push(bytes)
    const start = end
    end += bytes.length
    return [name, { dtype, shape, data_offsets: [start, end] }]
  })
  const json = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) }))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(path, Buffer.concat([prefix, json, ...parts]))
}

function halves(floats: Float32Array): Buffer {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  return Buffer.from(Uint16Array.from(words, (word) => word >>> 16).buffer)
}
