/** A Hugging Face directory as the GGUF that llama.cpp would read: keys, and tensors that are made when asked for. */
import { AppError } from '../../base/app-error.ts'
import type { ModelConfig } from '../../weights/model-config.ts'
import { ropeFactor } from '../../weights/rope-config.ts'
import { type FloatDtype, widenFloats } from '../float-widths.ts'
import type { ModelDirectory } from '../model-directory.ts'
import { readTensor, type TensorOnDisk } from '../tensor-files.ts'
import { bytesOf, type GgufTensorSource, type GgufValue } from './gguf-writer.ts'
import { findLlamaName, type LlamaArchitecture, orderRows } from './tensor-names.ts'

export interface PlannedModel {
  readonly architecture: LlamaArchitecture
  readonly values: Map<string, GgufValue>
  readonly tensors: readonly GgufTensorSource[]
  /** Tokens of one sequence that are computed as the model means it. */
  readonly trainedContextTokens: number
}

/** The period of windows that llama.cpp takes without being told. */
const GEMMA_PERIOD = 6
const GEMMA_27B_LAYERS = 62

export function planModel({ config, tensors }: ModelDirectory, dtype: 'keep' | 'f32'): PlannedModel {
  const architecture = config.family === 'mistral' ? 'llama' : config.family
  const planned = [...tensors].map(([name, tensor]) => planTensor(name, tensor, { config, architecture, dtype }))
  const { rope, headSize } = config
  if (rope.type === 'llama3') {
    const factors = Float32Array.from({ length: headSize / 2 }, (_, i) => ropeFactor(rope, i, headSize))
    planned.push({ name: 'rope_freqs.weight', shape: [factors.length], type: 'F32', read: () => bytesOf(factors) })
  }
  return {
    architecture,
    values: planValues(config, architecture),
    tensors: planned,
    trainedContextTokens: contextOf(config),
  }
}

/** llama.cpp computes windows for Gemma only: elsewhere a sequence must fit into one. */
function contextOf({ family, contextTokens, slidingWindowTokens }: ModelConfig): number {
  return family === 'gemma3' ? contextTokens : Math.min(contextTokens, slidingWindowTokens ?? contextTokens)
}

interface Plan {
  readonly config: ModelConfig
  readonly architecture: LlamaArchitecture
  readonly dtype: 'keep' | 'f32'
}

function planTensor(source: string, tensor: TensorOnDisk, { config, architecture, dtype }: Plan): GgufTensorSource {
  const name = findLlamaName(source, architecture)
  if (name === null) throw new AppError('bug', 'ENGINE_MISUSED', `Tensor ${source} has no name in llama.cpp`)
  const { shape } = tensor
  const isVector = shape.length === 1
  const type = isVector || dtype === 'f32' ? 'F32' : (tensor.dtype as FloatDtype)
  const read = () => {
    let bytes = readTensor(tensor)
    if (type !== tensor.dtype) bytes = bytesOf(widenFloats(bytes, tensor.dtype))
    if (config.family === 'gemma3' && isVector) {
      // Stored as w, meant as 1 + w.
      const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      for (let i = 0; i < floats.length; i++) floats[i] = (floats[i] as number) + 1
    }
    return orderRows(bytes, shape[0] as number, name, architecture, config)
  }
  return { name, shape, type, read }
}

function planValues(config: ModelConfig, architecture: LlamaArchitecture): Map<string, GgufValue> {
  const values = new Map<string, GgufValue>([
    ['general.architecture', { text: architecture }],
    ['general.type', { text: 'model' }],
  ])
  const set = (key: string, value: GgufValue) => values.set(`${architecture}.${key}`, value)
  set('block_count', { u32: config.layerCount })
  set('context_length', { u32: config.contextTokens })
  set('embedding_length', { u32: config.hiddenSize })
  set('feed_forward_length', { u32: config.ffnSize })
  set('attention.head_count', { u32: config.headCount })
  set('attention.head_count_kv', { u32: config.kvHeadCount })
  set('attention.layer_norm_rms_epsilon', { f32: config.rmsEpsilon })
  set('rope.freq_base', { f32: config.rope.theta })
  set('rope.dimension_count', { u32: config.headSize })
  set('attention.key_length', { u32: config.headSize })
  set('attention.value_length', { u32: config.headSize })
  set('vocab_size', { u32: config.vocabSize })
  if (config.rope.type === 'linear') {
    set('rope.scaling.type', { text: 'linear' })
    set('rope.scaling.factor', { f32: config.rope.factor })
  }
  if (architecture === 'gemma3') addGemmaValues(config, set)
  // Text is tokenized elsewhere: llama.cpp needs only the count of tokens.
  values.set('tokenizer.ggml.model', { text: 'none' })
  return values
}

function addGemmaValues(config: ModelConfig, set: (key: string, value: GgufValue) => void): void {
  const scale = config.layerCount === GEMMA_27B_LAYERS ? config.hiddenSize / config.headCount : config.headSize
  if (Math.abs(config.attentionScale * Math.sqrt(scale) - 1) > 1e-6) throw unsupported('query_pre_attn_scalar')
  if (config.localRope.type !== 'default') throw unsupported('scaled rotation in windows')
  set('attention.sliding_window', { u32: config.slidingWindowTokens ?? config.contextTokens })
  set('rope.freq_base_swa', { f32: config.localRope.theta })
  const fits = (period: number) => config.isSliding.every((slides, layer) => slides === ((layer + 1) % period !== 0))
  if (fits(GEMMA_PERIOD)) return
  const period = config.isSliding.indexOf(false) + 1
  if (period === 0 || !fits(period)) throw unsupported('windows without a period')
  set('attention.sliding_window_pattern', { u32: period })
}

function unsupported(what: string): AppError {
  const message = `config.json: llama.cpp does not compute ${what} as this model wants it`
  return new AppError('unsupported', 'MODEL_FEATURE_UNSUPPORTED', message)
}
