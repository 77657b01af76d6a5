/** Headers of model files, which anybody may upload. */
import { parseGgufHeader } from '../../src/weights/gguf-header.ts'
import { parseHeaderLength, parseSafetensorsHeader } from '../../src/weights/safetensors-header.ts'
import { ggufFile, ggufTensor, listKey, text, textKey, u32Key } from '../farm/gguf-file.ts'
import { type FuzzTarget, must } from './fuzz-target.ts'

function safetensorsSeed(): Uint8Array {
  const json = Buffer.from('{"__metadata__":{"f":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}')
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([prefix, json, Buffer.alloc(8)])
}

function ggufSeed(): Uint8Array {
  const words = listKey('tokenizer.ggml.tokens', 8, 2, Buffer.concat([text('a'), text('b')]))
  const keys = [textKey('general.architecture', 'llama'), u32Key('general.alignment', 64), words]
  return ggufFile({ keys, tensors: [ggufTensor('w', [32, 2], 8), ggufTensor('b', [4], 0, 128)], data: 192 })
}

export const WEIGHT_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'safetensors-header',
    seeds: () => [safetensorsSeed()],
    run(bytes) {
      const length = parseHeaderLength(bytes.subarray(0, 8), bytes.length)
      const { tensors } = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length)
      let end = 8 + length
      for (const tensor of [...tensors.values()].sort((a, b) => a.start - b.start || a.end - b.end)) {
        must(tensor.start === end, 'tensors lie one behind the other')
        end = tensor.end
      }
      must(end === bytes.length, 'tensors fill the file')
    },
  },
  {
    name: 'gguf-header',
    seeds: () => [ggufSeed()],
    run(bytes) {
      const header = parseGgufHeader(bytes, bytes.length)
      if ('needs' in header) throw new Error('broken promise: a whole file needs no more bytes')
      must(
        header.tensors.every(({ start, end }) => start <= end && end <= bytes.length),
        'tensors lie inside the file',
      )
    },
  },
]
