/** Which tensors a configuration asks for, in which shape; and the ones of a file by the names of the text model. */
import { AppError } from '../base/app-error.ts'
import type { ModelConfig } from '../weights/model-config.ts'
import type { TensorInfo } from '../weights/safetensors-header.ts'
import { isFloatDtype } from './float-widths.ts'

export interface WantedTensor {
  readonly shape: readonly number[]
  readonly optional: boolean
}

/** The tensors of the text model, each there and in shape. Names the first that are not. */
export function planTensors<T extends TensorInfo>(
  config: ModelConfig,
  tensors: ReadonlyMap<string, T>,
): Map<string, T> {
  const wanted = listWantedTensors(config)
  const planned = new Map<string, T>()
  const problems: string[] = []
  for (const tensor of tensors.values()) {
    const name = textName(tensor.name)
    if (name === null || (config.tied && name === 'lm_head.weight')) continue
    const shape = wanted.get(name)?.shape
    if (shape === undefined) problems.push(`${name.slice(0, 100)} has no place in a ${config.family} model`)
    else if (`${shape}` !== `${tensor.shape}`)
      problems.push(`${name} is [${tensor.shape}], config.json asks for [${shape}]`)
    else if (!isFloatDtype(tensor.dtype))
      problems.push(`${name} is of type ${tensor.dtype}, known are F32, F16 and BF16`)
    else planned.set(name, tensor)
  }
  for (const [name, { optional }] of wanted) if (!optional && !planned.has(name)) problems.push(`${name} is missing`)
  if (problems.length > 0) {
    const first = problems.slice(0, 5).join('; ')
    throw new AppError(
      'malformed',
      'MODEL_TENSORS_BAD',
      `Weights and config.json do not fit (${problems.length} times): ${first}`,
    )
  }
  return planned
}

/** Null for what a text model has no use for: images, and frequencies that old files carry. */
export function textName(name: string): string | null {
  if (/^(model\.)?(vision_tower|multi_modal_projector)\.|\.rotary_emb\.inv_freq$/.test(name)) return null
  return name
    .replace(/^(model\.language_model\.|language_model\.model\.)/, 'model.')
    .replace(/^language_model\.lm_head/, 'lm_head')
}

/** By name; `optional` ones may be absent. */
export function listWantedTensors(config: ModelConfig): Map<string, WantedTensor> {
  const { hiddenSize, headSize, vocabSize } = config
  const wanted = new Map<string, WantedTensor>()
  const add = (name: string, shape: readonly number[], optional = false) => wanted.set(name, { shape, optional })
  add('model.embed_tokens.weight', [vocabSize, hiddenSize])
  add('model.norm.weight', [hiddenSize])
  if (!config.tied) add('lm_head.weight', [vocabSize, hiddenSize])
  for (let layer = 0; layer < config.layerCount; layer++) {
    const at = `model.layers.${layer}`
    for (const [module, [outputs, inputs]] of linearShapes(config)) {
      const hasBias = config.family === 'qwen2' && /[qkv]_proj$/.test(module)
      add(`${at}.${module}.weight`, [outputs, inputs])
      add(`${at}.${module}.bias`, [outputs], !hasBias)
    }
    for (const norm of listNorms(config)) add(`${at}.${norm}.weight`, [/[qk]_norm/.test(norm) ? headSize : hiddenSize])
  }
  return wanted
}

/** Outputs and inputs of the linear modules of a layer: what adapters may change. */
export function linearShapes(config: ModelConfig): ReadonlyMap<string, readonly [outputs: number, inputs: number]> {
  const { hiddenSize, ffnSize, headSize } = config
  const [queries, keys] = [config.headCount * headSize, config.kvHeadCount * headSize]
  return new Map([
    ['self_attn.q_proj', [queries, hiddenSize]],
    ['self_attn.k_proj', [keys, hiddenSize]],
    ['self_attn.v_proj', [keys, hiddenSize]],
    ['self_attn.o_proj', [hiddenSize, queries]],
    ['mlp.gate_proj', [ffnSize, hiddenSize]],
    ['mlp.up_proj', [ffnSize, hiddenSize]],
    ['mlp.down_proj', [hiddenSize, ffnSize]],
  ])
}

function listNorms({ family }: ModelConfig): readonly string[] {
  const common = ['input_layernorm', 'post_attention_layernorm']
  const ofHeads = ['self_attn.q_norm', 'self_attn.k_norm']
  if (family === 'gemma3') return [...common, ...ofHeads, 'pre_feedforward_layernorm', 'post_feedforward_layernorm']
  return family === 'qwen3' ? [...common, ...ofHeads] : common
}
