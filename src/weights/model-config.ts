/**
 * What config.json says about a model's shape, from either spelling: `rope_theta`, `rope_scaling`,
 * `rope_local_base_freq`, `torch_dtype` (transformers 4) and `rope_parameters`, `dtype` (transformers 5).
 *
 * Only what the engine computes exactly is accepted; anything that would silently change the numbers is refused with
 * the way out. Code that a config asks to run (`auto_map`) is never run: it ends up in `warnings`.
 */
import { AppError } from '../base/app-error.ts'
import { parseJson } from '../base/json.ts'
import { ConfigFields } from './config-fields.ts'
import { type Family, familyOf } from './families.ts'
import * as limits from './header-limits.ts'
import { type RopeConfig, readRopes } from './rope-config.ts'

export interface ModelConfig {
  readonly family: Family
  readonly layerCount: number
  readonly hiddenSize: number
  readonly ffnSize: number
  readonly headCount: number
  readonly kvHeadCount: number
  readonly headSize: number
  readonly vocabSize: number
  readonly contextTokens: number
  readonly rmsEpsilon: number
  /** The head is the embedding. */
  readonly tied: boolean
  /** Scores are multiplied by it before softmax. */
  readonly attentionScale: number
  readonly rope: RopeConfig
  /** For layers with a sliding window; equals `rope` where there are none. */
  readonly localRope: RopeConfig
  readonly slidingWindowTokens: number | null
  readonly isSliding: readonly boolean[]
  readonly stopTokens: readonly number[]
  readonly warnings: readonly string[]
}

export function parseModelConfig(bytes: Uint8Array): ModelConfig {
  if (bytes.length > limits.CONFIG_BYTES_MAX) throw refused(`it has ${bytes.length} bytes`)
  const whole = new ConfigFields(parseJson('config.json', bytes), refused)
  const family = familyOf(whole)
  const text = whole.value('text_config')
  const config =
    text === undefined ? whole : new ConfigFields({ ...Object.fromEntries(whole.entries()), ...text }, refused)
  refuseUnknownFeatures(config, family)
  const layerCount = config.count('num_hidden_layers', limits.LAYERS_MAX)
  const hiddenSize = config.count('hidden_size', limits.WIDTH_MAX)
  const isGemma = family === 'gemma3'
  const headCount = config.count('num_attention_heads', limits.WIDTH_MAX, isGemma ? 8 : undefined)
  const kvHeadCount = config.count('num_key_value_heads', limits.WIDTH_MAX, isGemma ? 4 : headCount)
  const headSize = config.count('head_dim', limits.WIDTH_MAX, isGemma ? 256 : hiddenSize / headCount)
  if (headCount % kvHeadCount !== 0) throw refused(`${headCount} heads do not share ${kvHeadCount} key heads evenly`)
  if (headSize % 2 !== 0) throw refused(`head_dim ${headSize} is odd`)
  return {
    ...{ family, layerCount, hiddenSize, headCount, kvHeadCount, headSize },
    ffnSize: config.count('intermediate_size', limits.WIDTH_MAX),
    vocabSize: config.count('vocab_size', limits.VOCABULARY_MAX, isGemma ? 262_208 : undefined),
    contextTokens: config.count('max_position_embeddings', limits.CONTEXT_TOKENS_MAX, isGemma ? 131_072 : 2_048),
    rmsEpsilon: config.number('rms_norm_eps', 1e-6),
    tied: config.flag('tie_word_embeddings', isGemma),
    attentionScale: 1 / Math.sqrt(isGemma ? config.number('query_pre_attn_scalar', 256) : headSize),
    ...readRopes(config, family),
    ...readWindows(config, family, layerCount),
    stopTokens: readStopTokens(config),
    warnings: config.has('auto_map') ? ['config.json asks to run code of its own (auto_map): it is not run'] : [],
  }
}

/** `eos_token_id` of config.json or generation_config.json: one id, a list, or nothing. */
export function parseStopTokens(what: string, bytes: Uint8Array): readonly number[] {
  if (bytes.length > limits.CONFIG_BYTES_MAX) throw refused(`${what} has ${bytes.length} bytes`)
  return readStopTokens(new ConfigFields(parseJson(what, bytes), refused))
}

function readStopTokens(config: ConfigFields): readonly number[] {
  const value = config.value('eos_token_id')
  const ids = value === undefined ? [] : Array.isArray(value) ? value : [value]
  const isGood = (id: unknown) => Number.isSafeInteger(id) && (id as number) >= 0
  if (ids.length > 1_000 || !ids.every(isGood)) throw refused('eos_token_id must be token ids')
  return ids as number[]
}

function readWindows(config: ConfigFields, family: Family, layerCount: number) {
  const window = config.has('sliding_window') ? config.count('sliding_window', limits.CONTEXT_TOKENS_MAX) : null
  const isOn = family !== 'llama' && config.flag('use_sliding_window', family === 'gemma3' || family === 'mistral')
  const types = config.texts('layer_types', limits.LAYERS_MAX)
  if (types !== null && types.length !== layerCount) throw refused(`layer_types names ${types.length} layers`)
  const strange = types?.find((type) => type !== 'sliding_attention' && type !== 'full_attention')
  if (strange !== undefined) throw unsupported(`layers of type "${strange.slice(0, 40)}"`)
  const pattern = config.has('sliding_window_pattern') ? 'sliding_window_pattern' : '_sliding_window_pattern'
  const every = family === 'gemma3' ? config.count(pattern, limits.LAYERS_MAX, 6) : Number.POSITIVE_INFINITY
  const firstSliding = family.startsWith('qwen') && types === null ? Number(config.value('max_window_layers') ?? 28) : 0
  const slides = (_: unknown, layer: number) =>
    types === null ? layer >= firstSliding && (layer + 1) % every !== 0 : types[layer] === 'sliding_attention'
  const isActive = isOn && (window !== null || family === 'gemma3')
  return {
    slidingWindowTokens: isActive ? (window ?? 4_096) : null,
    isSliding: Array.from({ length: layerCount }, (_, layer) => isActive && slides(_, layer)),
  }
}

const ACTIVATIONS: Readonly<Record<Family, string>> = {
  llama: 'silu',
  mistral: 'silu',
  qwen2: 'silu',
  qwen3: 'silu',
  gemma3: 'gelu_pytorch_tanh',
}

/** Whatever changes the numbers in a way that the engine does not compute. */
function refuseUnknownFeatures(config: ConfigFields, family: Family): void {
  const key = family === 'gemma3' ? 'hidden_activation' : 'hidden_act'
  const activation = config.text(key, ACTIVATIONS[family])
  if (activation !== ACTIVATIONS[family]) throw unsupported(`the activation "${activation.slice(0, 40)}"`)
  const quantization = config.object('quantization_config')
  if (quantization !== null) {
    const method = quantization.text('quant_method', 'unnamed').slice(0, 40)
    throw unsupported(`weights quantised as "${method}"; a GGUF file of the same model works`)
  }
  for (const name of ['attn_logit_softcapping', 'final_logit_softcapping']) {
    if (config.has(name)) throw unsupported(name)
  }
  if (config.flag('use_bidirectional_attention', false)) throw unsupported('attention in both directions')
}

function refused(detail: string): AppError {
  return new AppError('malformed', 'MODEL_CONFIG_BAD', `config.json refused: ${detail}`)
}

function unsupported(what: string): AppError {
  return new AppError('unsupported', 'MODEL_FEATURE_UNSUPPORTED', `config.json: the engine does not compute ${what}`)
}
