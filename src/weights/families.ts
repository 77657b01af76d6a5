/** The model families that safetensors directories may be of, and what to say about the others. */
import { AppError } from '../base/app-error.ts'
import type { ConfigFields } from './config-fields.ts'

export type Family = 'llama' | 'mistral' | 'qwen2' | 'qwen3' | 'gemma3'

const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ['LlamaForCausalLM', 'llama'],
  ['MistralForCausalLM', 'mistral'],
  ['Qwen2ForCausalLM', 'qwen2'],
  ['Qwen3ForCausalLM', 'qwen3'],
  ['Gemma3ForCausalLM', 'gemma3'],
  ['Gemma3ForConditionalGeneration', 'gemma3'],
])

/** Architectures that people try, with what helps. */
const WAYS_OUT: ReadonlyMap<string, string> = new Map([
  ['BitNetForCausalLM', 'run it in bitnet.cpp and name that server as an OpenAI-compatible engine'],
  [
    'MiMoForCausalLM',
    'a GGUF file whose header says qwen2 works without its multi-token layers; else use an OpenAI-compatible engine',
  ],
])
const OTHERWISE = 'a GGUF file of it works if llama.cpp knows the architecture; else use an OpenAI-compatible engine'

export function familyOf(config: ConfigFields): Family {
  const architecture = config.texts('architectures', 10)?.[0] ?? ''
  const family = FAMILIES.get(architecture)
  if (family !== undefined) return family
  const known = [...FAMILIES.keys()].join(', ')
  const what = architecture === '' ? 'config.json names no architecture' : `Architecture ${architecture.slice(0, 80)}`
  throw new AppError(
    'unsupported',
    'MODEL_ARCHITECTURE_UNSUPPORTED',
    `${what} is not run from safetensors (${known} are): ${WAYS_OUT.get(architecture) ?? OTHERWISE}`,
    { data: { architecture: architecture.slice(0, 200) } },
  )
}
