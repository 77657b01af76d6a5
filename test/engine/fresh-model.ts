/** Models of every family with weights of a seed, and LoRA adapters for them: nobody has seen their numbers before. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { linearShapes, listWantedTensors } from '../../src/engine/model-tensors.ts'
import { type ModelConfig, parseModelConfig } from '../../src/weights/model-config.ts'
import { type TensorToWrite, writeSafetensors } from '../farm/safetensors-file.ts'

const COMMON = {
  ...{ hidden_size: 96, intermediate_size: 224, num_hidden_layers: 3, num_attention_heads: 6, num_key_value_heads: 2 },
  ...{ vocab_size: 640, max_position_embeddings: 256, rms_norm_eps: 1e-5, bos_token_id: 0, eos_token_id: 1 },
}
const GEMMA_ROPES = { rope_local_base_freq: 1e4, rope_theta: 1e6, rope_scaling: { rope_type: 'linear', factor: 8 } }
const LLAMA3_ROPE = { rope_type: 'llama3', factor: 4, low_freq_factor: 1, high_freq_factor: 4 }

/** Name to config.json; both spellings occur. */
export const FRESH_FAMILIES: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map([
  [
    'llama 2',
    { architectures: ['LlamaForCausalLM'], model_type: 'llama', rope_theta: 1e4, tie_word_embeddings: false },
  ],
  [
    'llama 3',
    {
      ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', tie_word_embeddings: true, head_dim: 16 },
      rope_parameters: { ...LLAMA3_ROPE, rope_theta: 5e5, original_max_position_embeddings: 64 },
    },
  ],
  [
    'mistral',
    {
      architectures: ['MistralForCausalLM'],
      model_type: 'mistral',
      rope_theta: 1e6,
      sliding_window: null,
      head_dim: 32,
    },
  ],
  [
    'qwen 2.5',
    { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2', rope_theta: 1e6, tie_word_embeddings: true },
  ],
  [
    'qwen 3',
    {
      ...{ architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3', head_dim: 32, tie_word_embeddings: false },
      rope_parameters: { rope_type: 'default', rope_theta: 1e6 },
    },
  ],
  [
    'gemma 3',
    {
      ...{ architectures: ['Gemma3ForCausalLM'], model_type: 'gemma3_text', head_dim: 32, query_pre_attn_scalar: 32 },
      ...{ hidden_activation: 'gelu_pytorch_tanh', sliding_window: 8, tie_word_embeddings: true, ...GEMMA_ROPES },
      layer_types: ['sliding_attention', 'sliding_attention', 'full_attention'],
    },
  ],
])

export interface FreshModel {
  readonly path: string
  readonly adapterPath: string
  /** The same model with the adapter at `weight` added into its matrices. */
  readonly mergedPath: string
  readonly weight: number
  readonly prompts: readonly (readonly number[])[]
}

/** Uniform in [-1, 1). */
export type Random = () => number

export function randomOf(seed: number): Random {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state * 2 ** -31
  }
}

export function makeFreshModel(folder: string, family: string, seed: number): FreshModel {
  const json = { ...COMMON, ...FRESH_FAMILIES.get(family), torch_dtype: 'float32' }
  const config = parseModelConfig(Buffer.from(JSON.stringify(json)))
  const random = randomOf(seed)
  const weights = randomWeights(config, random)
  const [path, adapterPath, mergedPath] = ['model', 'adapter', 'merged'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  for (const at of [path, adapterPath, mergedPath]) mkdirSync(at, { recursive: true })
  for (const at of [path, mergedPath]) writeFileSync(join(at, 'config.json'), JSON.stringify(json))
  writeSafetensors(join(path, 'model.safetensors'), weights, 'F32')
  const weight = 0.75
  const merged = writeAdapter(adapterPath, config, { random, weights, weight })
  writeSafetensors(join(mergedPath, 'model.safetensors'), merged, 'F32')
  const token = () => Math.floor(((random() + 1) / 2) * config.vocabSize)
  const prompts = [1, 7, 31].map((length) => Array.from({ length }, token))
  return { path, adapterPath, mergedPath, weight, prompts }
}

function randomWeights(config: ModelConfig, random: Random): Map<string, TensorToWrite> {
  const weights = new Map<string, TensorToWrite>()
  for (const [name, { shape, optional }] of listWantedTensors(config)) {
    if (optional) continue
    const isNorm = name.includes('norm')
    const middle = isNorm && config.family !== 'gemma3' ? 1 : 0
    const spread = isNorm
      ? 0.3
      : name.includes('embed')
        ? config.tied
          ? 0.2
          : 1.5
        : name.endsWith('bias')
          ? 0.5
          : 0.25
    const count = shape.reduce((product, size) => product * size, 1)
    weights.set(name, { shape, floats: Float32Array.from({ length: count }, () => middle + spread * random()) })
  }
  return weights
}

interface AdapterParts {
  readonly random: Random
  readonly weights: ReadonlyMap<string, TensorToWrite>
  readonly weight: number
}

/** Writes an adapter of rank 4 for all linear modules; returns the weights with it merged in. */
function writeAdapter(
  path: string,
  config: ModelConfig,
  { random, weights, weight }: AdapterParts,
): Map<string, TensorToWrite> {
  const [rank, alpha] = [4, 6]
  writeFileSync(
    join(path, 'adapter_config.json'),
    JSON.stringify({ peft_type: 'LORA', r: rank, lora_alpha: alpha, bias: 'none' }),
  )
  const merged = new Map(weights)
  const tensors = new Map<string, TensorToWrite>()
  const matrix = (rows: number, columns: number) => {
    return { shape: [rows, columns], floats: Float32Array.from({ length: rows * columns }, () => 0.2 * random()) }
  }
  for (let layer = 0; layer < config.layerCount; layer++) {
    for (const [module, [outputs, inputs]] of linearShapes(config)) {
      const name = `model.layers.${layer}.${module}`
      const [a, b] = [matrix(rank, inputs), matrix(outputs, rank)]
      tensors.set(`base_model.model.${name}.lora_A.weight`, a)
      tensors.set(`base_model.model.${name}.lora_B.weight`, b)
      const base = weights.get(`${name}.weight`) as TensorToWrite
      const floats = base.floats.map((value, at) => {
        const [o, i] = [Math.floor(at / inputs), at % inputs]
        let sum = 0
        for (let r = 0; r < rank; r++) sum += (b.floats[o * rank + r] as number) * (a.floats[r * inputs + i] as number)
        return value + (weight * alpha * sum) / rank
      })
      merged.set(`${name}.weight`, { shape: base.shape, floats })
    }
  }
  writeSafetensors(join(path, 'adapter_model.safetensors'), tensors, 'F32')
  return merged
}
