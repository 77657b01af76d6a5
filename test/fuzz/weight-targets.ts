/** Headers and configurations of model files, which anybody may upload. */
import { readFileSync } from 'node:fs'
import { parseAdapterConfig } from '../../src/weights/adapter-config.ts'
import { parseGgufHeader } from '../../src/weights/gguf-header.ts'
import { verifySplit } from '../../src/weights/gguf-split.ts'
import { verifyGgufSupport } from '../../src/weights/gguf-support.ts'
import { parseModelConfig } from '../../src/weights/model-config.ts'
import { findPointer } from '../../src/weights/pointer.ts'
import { parseHeaderLength, parseSafetensorsHeader } from '../../src/weights/safetensors-header.ts'
import { parseShardIndex } from '../../src/weights/shard-index.ts'
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

const golden = (path: string) => readFileSync(`test/vectors/models/${path}`)

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
  {
    name: 'gguf-support',
    seeds: () => [ggufSeed()],
    run(bytes) {
      const header = parseGgufHeader(bytes, bytes.length)
      if ('needs' in header) return
      verifyGgufSupport('a.gguf', header)
      verifySplit([{ name: 'a.gguf', header }])
    },
  },
  {
    name: 'model-config',
    seeds: () =>
      ['tiny-llama3', 'tiny-qwen3', 'tiny-gemma3', 'tiny-mistral'].map((name) => golden(`${name}/config.json`)),
    run(bytes) {
      const config = parseModelConfig(bytes)
      must(config.isSliding.length === config.layerCount, 'each layer slides or not')
      must(config.headCount % config.kvHeadCount === 0, 'heads share key heads evenly')
      must(Number.isFinite(config.attentionScale * config.rope.theta * config.rmsEpsilon), 'numbers are finite')
    },
  },
  {
    name: 'adapter-config',
    seeds: () => [
      golden('tiny-llama3/adapters/00_a/adapter_config.json'),
      golden('tiny-mistral/adapters/00_a/adapter_config.json'),
    ],
    run(bytes) {
      const config = parseAdapterConfig(bytes)
      must(config.rank > 0 && config.scaleOf('model.layers.0.mlp.up_proj', config.rank) > 0, 'a pair counts')
    },
  },
  {
    name: 'shard-index',
    seeds: () => [golden('tiny-mistral/model.safetensors.index.json')],
    run(bytes) {
      const { files } = parseShardIndex(bytes)
      must(
        files.every((name) => !/[/\\\0]/.test(name) && !name.startsWith('.')),
        'names stay in the directory',
      )
    },
  },
  {
    name: 'weights-pointer',
    seeds: () => [Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 5\n`)],
    run(bytes) {
      must(bytes.length <= 1_023 || findPointer(bytes, bytes.length) === null, 'a large file is no pointer')
    },
  },
]
