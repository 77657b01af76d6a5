/** A Llama of seeded random weights in a new folder: a safetensors directory, and the same model as GGUF for peers. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type GgufValue, writeGguf } from '../src/engine/llama/gguf-writer.ts'
import { planModel } from '../src/engine/llama/plan-model.ts'
import { ModelDirectory } from '../src/engine/model-directory.ts'

export interface RandomLlama {
  readonly layerCount: number
  readonly hiddenSize: number
  readonly ffnSize: number
  readonly headCount: number
  readonly vocabSize: number
}

export interface MadeLlama {
  readonly directory: string
  readonly gguf: string
  readonly parameters: number
}

const BLOCK = 1 << 20

export function makeRandomLlama(folder: string, shape: RandomLlama): MadeLlama {
  const directory = join(folder, 'model')
  mkdirSync(directory)
  const { layerCount, hiddenSize, ffnSize, headCount, vocabSize } = shape
  const sizes = { hidden_size: hiddenSize, intermediate_size: ffnSize, vocab_size: vocabSize }
  const counts = { num_hidden_layers: layerCount, num_attention_heads: headCount, max_position_embeddings: 2048 }
  const config = {
    architectures: ['LlamaForCausalLM'],
    ...sizes,
    ...counts,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  }
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
  const parameters = writeWeights(join(directory, 'model.safetensors'), shape)
  const gguf = join(folder, 'model.gguf')
  using opened = new ModelDirectory(directory)
  const { values, tensors } = planModel(opened, 'keep')
  for (const [key, value] of vocabularyOf(vocabSize)) values.set(key, value)
  writeGguf(gguf, values, tensors)
  return { directory, gguf, parameters }
}

function writeWeights(path: string, { layerCount, hiddenSize, ffnSize, vocabSize }: RandomLlama): number {
  const tensors: [string, number[]][] = [['model.embed_tokens.weight', [vocabSize, hiddenSize]]]
  tensors.push(['model.norm.weight', [hiddenSize]])
  for (let layer = 0; layer < layerCount; layer++) {
    const at = `model.layers.${layer}`
    for (const which of ['q', 'k', 'v', 'o'])
      tensors.push([`${at}.self_attn.${which}_proj.weight`, [hiddenSize, hiddenSize]])
    for (const which of ['gate', 'up']) tensors.push([`${at}.mlp.${which}_proj.weight`, [ffnSize, hiddenSize]])
    tensors.push([`${at}.mlp.down_proj.weight`, [hiddenSize, ffnSize]])
    for (const norm of ['input', 'post_attention']) tensors.push([`${at}.${norm}_layernorm.weight`, [hiddenSize]])
  }
  let end = 0
  const entries = tensors.map(([name, shape]) => {
    const start = end
    end += 4 * shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }]
  })
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  const fd = openSync(path, 'wx')
  writeSync(fd, Buffer.concat([prefix, json]))
  writeRandom(fd, tensors)
  closeSync(fd)
  return end / 4
}

/** Norms around 1, everything else around 0, from a generator of 32 bits. */
function writeRandom(fd: number, tensors: readonly [string, number[]][]): void {
  let state = 0x9e3779b9
  for (const [name, shape] of tensors) {
    const middle = name.includes('norm') ? 1 : 0
    let left = shape.reduce((product, size) => product * size, 1)
    while (left > 0) {
      const block = new Float32Array(Math.min(left, BLOCK))
      for (let i = 0; i < block.length; i++) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        block[i] = middle + state * 2 ** -31 * 0.05
      }
      writeSync(fd, new Uint8Array(block.buffer))
      left -= block.length
    }
  }
}

/** Peers load no model without a vocabulary: 256 bytes and names. */
function vocabularyOf(size: number): Map<string, GgufValue> {
  const tokens = Array.from({ length: size }, (_, id) => (id < 256 ? String.fromCharCode(0x100 + id) : `t${id}`))
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { text: 'gpt2' }],
    ['tokenizer.ggml.pre', { text: 'qwen2' }],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { i32s: new Int32Array(size).fill(1) }],
    ['tokenizer.ggml.merges', { texts: ['a b'] }],
    ['tokenizer.ggml.eos_token_id', { u32: size - 1 }],
    ['tokenizer.ggml.bos_token_id', { u32: size - 2 }],
  ])
}
