import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseModelConfig, parseStopTokens } from './model-config.ts'
import { ropeFactor } from './rope-config.ts'

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))
const golden = (name: string) => readFileSync(`test/vectors/models/${name}/config.json`)
const LLAMA = {
  architectures: ['LlamaForCausalLM'],
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 128,
  vocab_size: 100,
}
const parse = (change: object) => parseModelConfig(bytes({ ...LLAMA, ...change }))

test('reads the old spelling', () => {
  const config = parseModelConfig(golden('tiny-llama'))
  expect(config).toMatchObject({
    family: 'llama',
    layerCount: 3,
    headCount: 4,
    kvHeadCount: 2,
    headSize: 16,
    tied: false,
  })
  expect(config.rope).toMatchObject({ type: 'default', theta: 10_000 })
})

test('reads the new spelling', () => {
  const config = parseModelConfig(golden('tiny-qwen3'))
  expect(config).toMatchObject({ family: 'qwen3', headSize: 32, hiddenSize: 64, tied: true })
  expect(config.rope.theta).toBe(JSON.parse(golden('tiny-qwen3').toString()).rope_parameters.rope_theta)
})

test('both spellings of one model are the same model', () => {
  const old = JSON.parse(golden('tiny-gemma3').toString())
  const { rope_theta, rope_local_base_freq, rope_scaling, torch_dtype, ...rest } = old
  const rope_parameters = {
    full_attention: { ...rope_scaling, rope_theta },
    sliding_attention: { rope_type: 'default', rope_theta: rope_local_base_freq },
  }
  expect(parseModelConfig(bytes({ ...rest, dtype: torch_dtype, rope_parameters }))).toEqual(
    parseModelConfig(bytes(old)),
  )
})

test('Gemma 3: the text part of a larger model, windows by pattern, defaults where the file is silent', () => {
  const text_config = { hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 7, sliding_window: 1024 }
  const config = parseModelConfig(bytes({ architectures: ['Gemma3ForConditionalGeneration'], text_config }))
  expect(config).toMatchObject({ family: 'gemma3', headCount: 8, kvHeadCount: 4, headSize: 256, vocabSize: 262_208 })
  expect(config.isSliding).toEqual([true, true, true, true, true, false, true])
  expect(config.rope.theta).toBe(1e6)
  expect(config.localRope.theta).toBe(1e4)
})

test('llama 3 scaling: high frequencies stay, low ones are divided, between them it blends', () => {
  const { rope, headSize } = parseModelConfig(golden('tiny-llama3'))
  const factors = Array.from({ length: headSize / 2 }, (_, i) => ropeFactor(rope, i, headSize))
  expect(factors[0]).toBe(1)
  expect(factors.at(-1)).toBe(8)
  expect(factors.some((factor) => factor > 1 && factor < 8)).toBe(true)
})

test('a window that is switched off is none', () => {
  const qwen = { architectures: ['Qwen2ForCausalLM'], sliding_window: 4096, use_sliding_window: false }
  expect(parse(qwen).slidingWindowTokens).toBeNull()
  expect(parse({ architectures: ['MistralForCausalLM'], sliding_window: 8 }).isSliding).toEqual([true, true])
})

test('code of its own is not run, and said', () => {
  expect(parse({ auto_map: { AutoModel: 'x.py--X' } }).warnings).toEqual([expect.stringContaining('auto_map')])
})

test('stop tokens are one id, a list, or none', () => {
  expect(parse({ eos_token_id: 5 }).stopTokens).toEqual([5])
  expect(parseStopTokens('generation_config.json', bytes({ eos_token_id: [1, 2] }))).toEqual([1, 2])
  expect(parse({}).stopTokens).toEqual([])
})

describe('refuses', () => {
  test.each([
    ['another architecture', { architectures: ['FooForCausalLM'] }, 'MODEL_ARCHITECTURE_UNSUPPORTED', /GGUF/],
    ['BitNet', { architectures: ['BitNetForCausalLM'] }, 'MODEL_ARCHITECTURE_UNSUPPORTED', /bitnet\.cpp/],
    ['MiMo', { architectures: ['MiMoForCausalLM'] }, 'MODEL_ARCHITECTURE_UNSUPPORTED', /qwen2/],
    ['no architecture', { architectures: null }, 'MODEL_ARCHITECTURE_UNSUPPORTED', /names no architecture/],
    ['another activation', { hidden_act: 'relu2' }, 'MODEL_FEATURE_UNSUPPORTED', /relu2/],
    ['quantised weights', { quantization_config: { quant_method: 'gptq' } }, 'MODEL_FEATURE_UNSUPPORTED', /gptq/],
    ['another scaling', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'MODEL_FEATURE_UNSUPPORTED', /yarn/],
    ['half a rotation', { rope_parameters: { partial_rotary_factor: 0.5 } }, 'MODEL_FEATURE_UNSUPPORTED', /partial/],
    ['capped scores', { attn_logit_softcapping: 50 }, 'MODEL_FEATURE_UNSUPPORTED', /softcapping/],
    ['both directions', { use_bidirectional_attention: true }, 'MODEL_FEATURE_UNSUPPORTED', /directions/],
    ['strange layers', { layer_types: ['linear_attention', 'full_attention'] }, 'MODEL_FEATURE_UNSUPPORTED', /linear/],
    ['a negative count', { num_hidden_layers: -1 }, 'MODEL_CONFIG_BAD', /num_hidden_layers/],
    ['a count beyond all', { hidden_size: 2 ** 53 }, 'MODEL_CONFIG_BAD', /hidden_size/],
    ['a half', { vocab_size: 1.5 }, 'MODEL_CONFIG_BAD', /vocab_size/],
    ['heads that do not fit', { num_key_value_heads: 3 }, 'MODEL_CONFIG_BAD', /evenly/],
    ['an odd head', { head_dim: 7 }, 'MODEL_CONFIG_BAD', /odd/],
    ['layer types of another model', { layer_types: ['full_attention'] }, 'MODEL_CONFIG_BAD', /layer_types/],
    ['text for a number', { rope_theta: '1e6' }, 'MODEL_CONFIG_BAD', /rope_theta/],
    ['a stop token that is none', { eos_token_id: -1 }, 'MODEL_CONFIG_BAD', /eos_token_id/],
  ])('%s', (_, change, code, message) => {
    expect(() => parse(change)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })

  test('what is no object, and what is too long', () => {
    expect(() => parseModelConfig(Buffer.from('[]'))).toThrow(expect.objectContaining({ code: 'MODEL_CONFIG_BAD' }))
    const long = Buffer.alloc(5 * 1024 * 1024, 0x20)
    expect(() => parseModelConfig(long)).toThrow(expect.objectContaining({ code: 'MODEL_CONFIG_BAD' }))
  })
})
