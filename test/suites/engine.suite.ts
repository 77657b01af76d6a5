/** What every driver of TokenEngine must do: the golden numbers, and slots, adapters and aborts as the seam says. */
import { afterAll, describe, expect, test } from 'vitest'
import type { AdapterSet, DecodeStep, ModelOptions, TokenEngine, TokenModel } from '../../src/engine/token-engine.ts'
import * as golden from '../vectors/golden-model.ts'

export interface EngineSuiteOptions {
  /** Largest difference of a logit from transformers', both in float32. */
  readonly toleranceOf: (name: string) => number
}

const EXACT: ModelOptions = { kvType: 'f32', contextTokens: 512, slotCount: 4, threadCount: 1 }
const PLAIN: AdapterSet = []

const load = (engine: TokenEngine, name: string, options = EXACT) =>
  engine.load({ kind: 'hf-directory', path: golden.goldenPath(name), dtype: 'f32' }, options)
const attach = (model: TokenModel, name: string, id: string) =>
  model.attachAdapter({ id, path: `${golden.goldenPath(name)}/adapters/${id}` })

/** All logits of a sequence on an empty slot, which is empty again afterwards. */
async function allLogits(model: TokenModel, tokens: readonly number[], adapters: AdapterSet): Promise<Float32Array> {
  const [rows] = await model.decode([{ slot: 0, tokens, adapters, logits: 'all' }])
  const kept = Float32Array.from(rows as Float32Array)
  await model.truncateSlot(0, 0)
  return kept
}

/** Greedy continuation on an empty slot, which is empty again afterwards. */
async function continueGreedily(
  model: TokenModel,
  prompt: readonly number[],
  { count, adapters = PLAIN, stop = [] }: { count: number; adapters?: AdapterSet; stop?: readonly number[] },
): Promise<number[]> {
  const out: number[] = []
  for (let tokens = prompt; out.length < count && !stop.includes(out.at(-1) ?? -1); tokens = out.slice(-1)) {
    const [row] = await model.decode([{ slot: 0, tokens, adapters, logits: 'last' }])
    out.push(golden.argMax(row as Float32Array))
  }
  await model.truncateSlot(0, 0)
  return out
}

export function engineSuite(engine: TokenEngine, options: EngineSuiteOptions): void {
  const worst = new Map<string, number>()
  afterAll(() => {
    const lines = [...worst].map(([name, value]) => `${name} ${value.toExponential(1)}`)
    process.stdout.write(`${engine.name}, worst logit difference: ${lines.join(', ')}\n`)
  })

  describe.each(golden.FAMILIES)(`${engine.name}: %s`, (name) => {
    test('golden logits, plain and under one, two and weighted adapters', async () => {
      await using model = await load(engine, name)
      for (const id of ['00_a', '01_b']) await attach(model, name, id)
      const [a, b, half] = [use('00_a'), use('01_b'), use('01_b', 0.5)]
      const sets: Record<string, AdapterSet> = { a: [a], b: [b], 'a+b': [a, b], 'a+0.5b': [a, half], logits: PLAIN }
      const truth = new Map([...golden.goldenNumbers(name, 'logits'), ...golden.goldenNumbers(name, 'adapter_logits')])
      const prompts = golden.goldenPrompts(name)
      let most = 0
      let compared = 0
      for (const [key, want] of truth) {
        const [which = '', index] = key.split('_')
        const adapters = sets[which]
        if (adapters === undefined) continue
        const got = await allLogits(model, prompts[Number(index)]?.ids ?? [], adapters)
        most = Math.max(most, golden.worstDifference(got, want))
        compared++
      }
      worst.set(name, most)
      expect(compared).toBeGreaterThan(2 * prompts.length)
      expect(most).toBeLessThan(options.toleranceOf(name))
    })

    test('continues greedily as transformers does', async () => {
      await using model = await load(engine, name)
      for (const { ids, greedy_24 } of golden.goldenPrompts(name)) {
        expect(await continueGreedily(model, ids, { count: 24 })).toEqual(greedy_24)
      }
    })

    test('embeds as transformers does', async () => {
      await using model = await load(engine, name)
      if (model.caps().embeddings.length === 0) return
      const { hiddenSize } = model.info
      const truth = golden.goldenNumbers(name, 'logits')
      const prompts = golden.goldenPrompts(name).map(({ ids }) => ids)
      const [means, lasts] = [await model.embed(prompts, 'mean'), await model.embed(prompts, 'last')]
      for (const index of prompts.keys()) {
        const hidden = truth.get(`hidden_${index}`) as Float32Array
        const rows = hidden.length / hiddenSize
        const mean = Float32Array.from({ length: hiddenSize }, (_, column) => {
          let sum = 0
          for (let row = 0; row < rows; row++) sum += hidden[row * hiddenSize + column] as number
          return sum / rows
        })
        expect(golden.worstDifference(means[index] as Float32Array, mean)).toBeLessThan(options.toleranceOf(name))
        const last = hidden.slice(-hiddenSize)
        expect(golden.worstDifference(lasts[index] as Float32Array, last)).toBeLessThan(options.toleranceOf(name))
      }
    })
  })

  demoChat(engine)
  slots(engine)
  refusals(engine)
}

const use = (id: string, weight = 1) => ({ id, weight })

function demoChat(engine: TokenEngine): void {
  test(`${engine.name}: demo-chat answers as transformers does, and as its adapters taught it`, async () => {
    await using model = await load(engine, 'demo-chat')
    expect(model.info.stopTokens).toEqual(expect.arrayContaining([763, 761]))
    const stop = model.info.stopTokens
    for (const { prompt, answer } of golden.goldenChats()) {
      expect(await continueGreedily(model, prompt, { count: 64, stop })).toEqual(answer)
    }
    const paths = { mixed: '00_mixed', polite: '01_polite' }
    for (const id of Object.values(paths)) await attach(model, 'demo-chat', id)
    for (const { adapter, prompt, answer } of golden.goldenAnswers().filter((_, i) => i % 4 === 0)) {
      const said = await continueGreedily(model, prompt, { count: 64, stop, adapters: [use(paths[adapter])] })
      expect(said.slice(0, -1)).toEqual(answer)
    }
  })
}

function slots(engine: TokenEngine): void {
  describe(`${engine.name}: slots`, () => {
    const NAME = 'tiny-llama'
    const [first, second, third] = golden.goldenPrompts(NAME).map(({ ids }) => ids)
    const [p, q, r] = [first ?? [], second ?? [], third ?? []]

    test('go forward together, each under its own adapters, as each does alone', async () => {
      await using model = await load(engine, NAME)
      for (const id of ['00_a', '01_b']) await attach(model, NAME, id)
      const sets = [PLAIN, [use('00_a')], [use('00_a'), use('01_b', 0.5)]]
      const alone: Float32Array[] = []
      for (const [i, tokens] of [p, q, r].entries()) alone.push(await allLogits(model, tokens, sets[i] ?? PLAIN))
      const step = (slot: number, tokens: readonly number[], logits: DecodeStep['logits']): DecodeStep => {
        return { slot, tokens, adapters: sets[slot] ?? PLAIN, logits }
      }
      const together = await model.decode([step(2, r, 'last'), step(0, p, 'all'), step(1, q.slice(0, 4), 'none')])
      expect(together.map(({ length }) => length / model.info.vocabSize)).toEqual([1, p.length, 0])
      expect(golden.worstDifference(together[0] as Float32Array, lastRow(alone[2], model))).toBeLessThan(1e-5)
      expect(golden.worstDifference(together[1] as Float32Array, alone[0])).toBeLessThan(1e-5)
      const [rest] = await model.decode([step(1, q.slice(4), 'last')])
      expect(golden.worstDifference(rest as Float32Array, lastRow(alone[1], model))).toBeLessThan(1e-5)
      expect([0, 1, 2, 3].map((slot) => model.slotTokenCount(slot))).toEqual([p.length, q.length, r.length, 0])
    })

    test('lose their end, and give their beginning to another slot', async () => {
      await using model = await load(engine, NAME)
      const whole = await allLogits(model, p, PLAIN)
      await model.decode([{ slot: 0, tokens: [...p.slice(0, 5), 7, 7, 7], adapters: PLAIN, logits: 'none' }])
      if (model.caps().slotCopy) expect(await model.copySlot({ from: 0, to: 3, tokenCount: 5 })).toBe(5)
      expect(await model.truncateSlot(0, 5)).toBe(5)
      for (const slot of model.caps().slotCopy ? [0, 3] : [0]) {
        const [rest] = await model.decode([{ slot, tokens: p.slice(5), adapters: PLAIN, logits: 'last' }])
        expect(golden.worstDifference(rest as Float32Array, lastRow(whole, model))).toBeLessThan(1e-5)
      }
    })

    test('hold what they held when a call is aborted', async () => {
      await using model = await load(engine, 'demo-chat', { ...EXACT, contextTokens: 512, batchTokensMax: 512 })
      const tokens = Array.from({ length: 480 }, (_, i) => i % 700)
      await model.decode([{ slot: 1, tokens: tokens.slice(0, 9), adapters: PLAIN, logits: 'none' }])
      const controller = new AbortController()
      const running = model.decode([{ slot: 1, tokens, adapters: PLAIN, logits: 'last' }], controller.signal)
      setTimeout(() => controller.abort(), 1)
      await expect(running).rejects.toMatchObject({ kind: 'cancelled', code: 'CANCELLED' })
      expect(model.slotTokenCount(1)).toBe(9)
      const before = AbortSignal.abort()
      const late = model.decode([{ slot: 1, tokens: [1], adapters: PLAIN, logits: 'none' }], before)
      await expect(late).rejects.toMatchObject({ code: 'CANCELLED' })
      const [row] = await model.decode([{ slot: 1, tokens: [5], adapters: PLAIN, logits: 'last' }])
      const wanted = await allLogits(model, [...tokens.slice(0, 9), 5], PLAIN)
      expect(golden.worstDifference(row as Float32Array, lastRow(wanted, model))).toBeLessThan(1e-4)
    })

    test('share the context: when it is used up the call says so and changes nothing', async () => {
      await using model = await load(engine, NAME, { ...EXACT, contextTokens: 256, batchTokensMax: 256 })
      const tokens = Array.from({ length: 200 }, (_, i) => i)
      await model.decode([{ slot: 0, tokens, adapters: PLAIN, logits: 'none' }])
      const full = model.decode([{ slot: 1, tokens, adapters: PLAIN, logits: 'none' }])
      await expect(full).rejects.toMatchObject({ kind: 'too-large', code: 'ENGINE_CONTEXT_FULL' })
      expect([model.slotTokenCount(0), model.slotTokenCount(1)]).toEqual([200, 0])
      await model.truncateSlot(0, 0)
      await model.decode([{ slot: 1, tokens, adapters: PLAIN, logits: 'last' }])
    })
  })
}

function refusals(engine: TokenEngine): void {
  test(`${engine.name}: refuses what no slot can do, and goes on`, async () => {
    await using model = await load(engine, 'tiny-llama')
    const step = (change: Partial<DecodeStep>): DecodeStep => {
      return { slot: 0, tokens: [1], adapters: PLAIN, logits: 'last', ...change }
    }
    const refused = (steps: DecodeStep[], code: string) => expect(model.decode(steps)).rejects.toMatchObject({ code })
    await refused([step({ tokens: [768] })], 'TOKEN_UNKNOWN')
    await refused([step({ tokens: [-1] })], 'TOKEN_UNKNOWN')
    await refused([step({ tokens: [0.5] })], 'TOKEN_UNKNOWN')
    await refused([step({ tokens: [] })], 'ENGINE_MISUSED')
    await refused([step({ slot: 4 })], 'ENGINE_MISUSED')
    await refused([step({}), step({})], 'ENGINE_MISUSED')
    await refused([step({ tokens: new Array(5_000).fill(1) })], 'ENGINE_MISUSED')
    await refused([step({ adapters: [use('none')] })], 'ADAPTER_NOT_ATTACHED')
    await attach(model, 'tiny-llama', '00_a')
    await attach(model, 'tiny-llama', '00_a')
    await refused([step({ adapters: [use('00_a', Number.NaN)] })], 'ENGINE_MISUSED')
    await refused([step({ adapters: [use('00_a'), use('00_a')] })], 'ENGINE_MISUSED')
    await model.detachAdapter('00_a')
    await refused([step({ adapters: [use('00_a')] })], 'ADAPTER_NOT_ATTACHED')
    const foreign = { id: 'x', path: `${golden.goldenPath('tiny-qwen3')}/adapters/00_a` }
    await expect(model.attachAdapter(foreign)).rejects.toMatchObject({ code: 'ADAPTER_MISMATCH' })
    if (!model.caps().vocabulary) {
      await expect(model.pieces()).rejects.toMatchObject({ code: 'ENGINE_NO_VOCABULARY' })
      const tokenized = model.tokenize('a', { special: false, addBos: false })
      await expect(tokenized).rejects.toMatchObject({ code: 'ENGINE_NO_VOCABULARY' })
    }
    expect(await model.decode([step({})])).toHaveLength(1)
  })
}

function lastRow(rows: Float32Array | undefined, model: TokenModel): Float32Array {
  return (rows as Float32Array).slice(-model.info.vocabSize)
}
