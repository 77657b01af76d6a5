import { expect, test } from 'vitest'
import { engineSuite } from '../../../test/suites/engine.suite.ts'
import {
  FAMILIES,
  goldenNumbers,
  goldenPath,
  goldenPrompts,
  worstDifference,
} from '../../../test/vectors/golden-model.ts'
import { LlamaEngine } from './llama-engine.ts'
import { startNative } from './native.ts'

engineSuite(new LlamaEngine(), { toleranceOf: (name) => (name === 'tiny-gemma3' ? 3e-3 : 3e-5) })

test.each(FAMILIES)('%s in its own types, with a KV cache of float16, stays near', async (name) => {
  const weights = { kind: 'hf-directory', path: goldenPath(name), dtype: 'keep' } as const
  await using model = await new LlamaEngine().load(weights, { contextTokens: 512, threadCount: 1 })
  const truth = goldenNumbers(name, 'logits')
  for (const [index, { ids }] of goldenPrompts(name).entries()) {
    const [rows] = await model.decode([{ slot: 0, tokens: ids, adapters: [], logits: 'all' }])
    expect(worstDifference(rows as Float32Array, truth.get(`logits_${index}`))).toBeLessThan(0.1)
    await model.truncateSlot(0, 0)
  }
})

const WEIGHTS = { kind: 'hf-directory', path: goldenPath('tiny-llama'), dtype: 'keep' } as const
const STEP = { slot: 0, tokens: [1], adapters: [], logits: 'last' } as const

test('a model has one user: a call that begins within another is refused', async () => {
  await using model = await new LlamaEngine().load(WEIGHTS, { contextTokens: 256, slotCount: 2 })
  const first = model.decode([STEP])
  const refused = { code: 'ENGINE_MISUSED', message: expect.stringContaining('before the last had ended') }
  await expect(model.decode([{ ...STEP, slot: 1 }])).rejects.toMatchObject(refused)
  await expect(model.truncateSlot(1, 0)).rejects.toMatchObject(refused)
  expect(await first).toHaveLength(1)
})

test('a context that llama.cpp does not make is said, and its failures come with its words', async () => {
  const none = new LlamaEngine().load(WEIGHTS, { contextTokens: 256, slotCount: 100_000 })
  await expect(none).rejects.toMatchObject({
    code: 'ENGINE_CONTEXT_REFUSED',
    message: expect.stringContaining('n_seq_max'),
  })
  const native = startNative()
  const { decode } = native
  await using model = await new LlamaEngine().load(WEIGHTS, { contextTokens: 256 })
  Object.assign(native, { decode: async () => -3 })
  try {
    await expect(model.decode([STEP])).rejects.toMatchObject({ kind: 'bug', code: 'ENGINE_FAILED' })
  } finally {
    Object.assign(native, { decode })
  }
  expect(model.slotTokenCount(0)).toBe(0)
  expect(await model.decode([STEP])).toHaveLength(1)
})
