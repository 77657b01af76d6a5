import { expect, test } from 'vitest'
import { checkSampling, type Sampling } from './sampling.ts'

const many = (count: number) => new Map(Array.from({ length: count }, (_, token) => [token, 1]))
const dry = { multiplier: 0.8, base: 1.75, freeTokens: 2, lastTokens: -1, breakers: [] }

test.each<[string, Partial<Sampling>]>([
  ['temperature', { temperature: -1 }],
  ['temperature', { temperature: Number.NaN }],
  ['temperature', { temperature: 1e308 }],
  ['topK', { topK: 2 ** 31 }],
  ['topK', { topK: 1.5 }],
  ['topP', { topP: 1.01 }],
  ['minP', { minP: -0.1 }],
  ['typicalP', { typicalP: Number.POSITIVE_INFINITY }],
  ['repeatPenalty', { repeatPenalty: 0 }],
  ['repeatWindowTokens', { repeatWindowTokens: -2 }],
  ['frequencyPenalty', { frequencyPenalty: 2.1 }],
  ['presencePenalty', { presencePenalty: '1' as unknown as number }],
  ['seed', { seed: 2 ** 64 }],
  ['logprobs', { logprobs: 21 }],
  ['logitBias', { logitBias: many(100_000) }],
  ['logitBias', { logitBias: new Map([[768, 1]]) }],
  ['logitBias', { logitBias: new Map([[1, Number.NaN]]) }],
  ['dry.base', { dry: { ...dry, base: 0 } }],
  ['dry.breakers', { dry: { ...dry, breakers: new Array(5000).fill(1) } }],
  ['xtc.threshold', { xtc: { probability: 1, threshold: 2 } }],
  ['mirostat.tau', { mirostat: { tau: -5, eta: 0.1 } }],
])('refuses %s of %j', (parameter, params) => {
  const check = () => checkSampling({ temperature: 1, ...params }, 768)
  expect(check).toThrow(expect.objectContaining({ kind: 'usage', code: 'SAMPLING_PARAMETER_BAD', data: { parameter } }))
})

test('takes every parameter at its bounds', () => {
  checkSampling({ temperature: 0 }, 768)
  const params: Sampling = {
    ...{ temperature: 2, topK: 40, topP: 0.9, minP: 0.05, typicalP: 0.5, repeatPenalty: 1.1, repeatWindowTokens: -1 },
    ...{ frequencyPenalty: -2, presencePenalty: 2, seed: Number.MIN_SAFE_INTEGER, logprobs: 20 },
    ...{ dry, xtc: { probability: 0.5, threshold: 0.1 }, mirostat: { tau: 5, eta: 0.1 }, logitBias: many(768) },
  }
  checkSampling(params, 768)
})
