/** Rotary embedding settings out of config.json, in both spellings. */
import { AppError } from '../base/app-error.ts'
import { ConfigFields } from './config-fields.ts'
import type { Family } from './families.ts'
import { CONTEXT_TOKENS_MAX } from './header-limits.ts'

export interface RopeConfig {
  readonly theta: number
  readonly type: 'default' | 'linear' | 'llama3'
  readonly factor: number
  readonly lowFreqFactor: number
  readonly highFreqFactor: number
  readonly originalContextTokens: number
}

export interface Ropes {
  readonly rope: RopeConfig
  readonly localRope: RopeConfig
}

const NOTHING = new ConfigFields({}, (detail) => new AppError('malformed', 'MODEL_CONFIG_BAD', detail))

export function readRopes(config: ConfigFields, family: Family): Ropes {
  const parameters = config.object('rope_parameters')
  const full = parameters?.object('full_attention') ?? parameters ?? config.object('rope_scaling') ?? NOTHING
  const sliding = parameters?.object('sliding_attention')
  const isGemma = family === 'gemma3'
  const theta = full.has('rope_theta') ? full : config
  const rope = readRope(theta.number('rope_theta', isGemma ? 1e6 : 1e4), full)
  if (!isGemma) return { rope, localRope: rope }
  const local = sliding?.number('rope_theta', 1e4) ?? config.number('rope_local_base_freq', 1e4)
  return { rope, localRope: readRope(local, sliding ?? NOTHING) }
}

function readRope(theta: number, json: ConfigFields): RopeConfig {
  const type = json.text('rope_type', json.text('type', 'default'))
  if (type !== 'default' && type !== 'linear' && type !== 'llama3') {
    throw new AppError(
      'unsupported',
      'MODEL_FEATURE_UNSUPPORTED',
      `config.json: rope scaling "${type.slice(0, 40)}" is not computed from safetensors; use a GGUF file of the model`,
    )
  }
  if (json.has('partial_rotary_factor') && json.number('partial_rotary_factor') !== 1) {
    const message = 'config.json: partial_rotary_factor is not computed from safetensors; use a GGUF file of the model'
    throw new AppError('unsupported', 'MODEL_FEATURE_UNSUPPORTED', message)
  }
  const isBlended = type === 'llama3'
  return {
    theta,
    type,
    factor: json.number('factor', type === 'default' ? 1 : undefined),
    lowFreqFactor: json.number('low_freq_factor', isBlended ? undefined : 1),
    highFreqFactor: json.number('high_freq_factor', isBlended ? undefined : 1),
    originalContextTokens: json.count(
      'original_max_position_embeddings',
      CONTEXT_TOKENS_MAX,
      isBlended ? undefined : 1,
    ),
  }
}

/** Radians a position for the pair of dimensions at `index`. */
export function ropeFrequency(rope: RopeConfig, index: number, headSize: number): number {
  return rope.theta ** ((-2 * index) / headSize) / ropeFactor(rope, index, headSize)
}

/** What the plain frequency is divided by. */
export function ropeFactor(rope: RopeConfig, index: number, headSize: number): number {
  if (rope.type !== 'llama3') return rope.factor
  const turns = (rope.originalContextTokens * rope.theta ** ((-2 * index) / headSize)) / (2 * Math.PI)
  const blend = (turns - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor)
  const smooth = Math.min(1, Math.max(0, blend))
  return 1 / ((1 - smooth) / rope.factor + smooth)
}
