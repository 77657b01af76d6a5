import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseAdapterConfig } from './adapter-config.ts'

const PLAIN = { peft_type: 'LORA', r: 8, lora_alpha: 16, bias: 'none' }
const parse = (change: object) => parseAdapterConfig(Buffer.from(JSON.stringify({ ...PLAIN, ...change })))
const golden = (path: string) => parseAdapterConfig(readFileSync(`test/vectors/models/${path}/adapter_config.json`))

test('scales by alpha over rank, or over its root', () => {
  expect(golden('tiny-llama/adapters/00_a').scaleOf('model.layers.0.mlp.up_proj', 8)).toBe(2)
  expect(golden('tiny-mistral/adapters/00_a').scaleOf('x', 8)).toBeCloseTo(16 / Math.sqrt(8))
})

test('patterns name modules by the end of their names', () => {
  const config = parse({ rank_pattern: { 'layers.1.mlp.up_proj': 4 }, alpha_pattern: { up_proj: 32 } })
  expect(config.rankOf('model.layers.1.mlp.up_proj')).toBe(4)
  expect(config.rankOf('model.layers.11.mlp.up_proj')).toBe(8)
  expect(config.scaleOf('model.layers.1.mlp.up_proj', 4)).toBe(8)
  expect(config.scaleOf('model.layers.1.mlp.gate_up_proj', 8)).toBe(2)
})

test('says the base where its maker recorded it', () => {
  expect(golden('tiny-llama/adapters/00_a')).toMatchObject({ baseModel: 'tiny-llama', baseCommit: null })
  expect(parse({ base_model_commit: 'abc' }).baseCommit).toBe('abc')
})

test.each([
  ['DoRA', { use_dora: true }],
  ['biases', { bias: 'lora_only' }],
  ['whole modules', { modules_to_save: ['lm_head'] }],
  ['another kind', { peft_type: 'IA3' }],
  ['no kind', { peft_type: null }],
  ['tokens of its own', { trainable_token_indices: [1] }],
  ['a start that changed the base', { init_lora_weights: 'pissa_niter_16' }],
  ['a key that is a regular expression', { rank_pattern: { '(a+)+$': 4 } }],
])('does not attach %s', (_, change) => {
  expect(() => parse(change)).toThrow(
    expect.objectContaining({ kind: 'unsupported', code: 'ADAPTER_KIND_UNSUPPORTED' }),
  )
})

test.each([
  ['no rank', { r: 0 }],
  ['a huge rank', { r: 1e9 }],
  ['alpha beyond numbers', { lora_alpha: null }],
  ['a rank that is a text', { rank_pattern: { up_proj: 'x' } }],
])('refuses %s', (_, change) => {
  expect(() => parse(change)).toThrow(expect.objectContaining({ kind: 'malformed', code: 'ADAPTER_CONFIG_BAD' }))
})
