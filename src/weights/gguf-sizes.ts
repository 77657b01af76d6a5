/** What native code takes for granted of a GGUF file's sizes, and ends the process over when it is not so. */
import { AppError } from '../base/app-error.ts'
import type { GgufHeader } from './gguf-header.ts'
import { CONTEXT_TOKENS_MAX, EXPERTS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX } from './header-limits.ts'

const ROPE_SCALINGS = ['none', 'linear', 'yarn', 'longrope']

/** Throws GGUF_SIZES_BAD, naming the key. What is left out is left to llama.cpp, which then says so. */
export function verifyGgufSizes(name: string, { values }: Pick<GgufHeader, 'values'>): void {
  const architecture = String(values.get('general.architecture'))
  const refuse = (key: string, wanted: string) => {
    const value = values.get(`${architecture}.${key}`)
    const shown = typeof value === 'object' ? 'a list' : String(value).slice(0, 40)
    return new AppError('malformed', 'GGUF_SIZES_BAD', `${name}: ${architecture}.${key} is ${shown}, not ${wanted}`)
  }
  const check = (key: string, min: number, max: number): number | null => {
    const value = values.get(`${architecture}.${key}`)
    if (value === undefined) return null
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
    throw refuse(key, `a whole number from ${min} to ${max}`)
  }
  check('block_count', 1, LAYERS_MAX)
  check('context_length', 1, CONTEXT_TOKENS_MAX)
  check('embedding_length', 1, WIDTH_MAX)
  check('vocab_size', 1, VOCABULARY_MAX)
  const experts = check('expert_count', 0, EXPERTS_MAX) ?? 0
  const used = check('expert_used_count', 0, experts) ?? 0
  if (experts > 0 && used === 0) throw refuse('expert_used_count', `at least 1 of ${experts}`)
  const scaling = values.get(`${architecture}.rope.scaling.type`)
  if (scaling !== undefined && !ROPE_SCALINGS.includes(String(scaling))) {
    throw refuse('rope.scaling.type', ROPE_SCALINGS.join(', '))
  }
}
