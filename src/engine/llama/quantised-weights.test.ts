import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as golden from '../../../test/vectors/golden-model.ts'
import type { TokenModel, WeightsDtype } from '../token-engine.ts'
import { LlamaEngine } from './llama-engine.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xorbit-quantised-'))
  cpSync(golden.goldenPath('demo-chat'), join(folder, 'model'), { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

const made = () => readdirSync(join(folder, 'cache')).sort()
const load = (dtype: WeightsDtype) => {
  const weights = { kind: 'hf-directory', path: join(folder, 'model'), dtype } as const
  return new LlamaEngine().load(weights, { contextTokens: 512, threadCount: 1, cacheFolder: join(folder, 'cache') })
}

/** Of the golden answers, those that it gives token for token. */
async function countRight(model: TokenModel): Promise<number> {
  let right = 0
  for (const { prompt, answer } of golden.goldenChats()) {
    const said: number[] = []
    for (let tokens = prompt; said.length < answer.length; tokens = said.slice(-1)) {
      const [row] = await model.decode([{ slot: 0, tokens, adapters: [], logits: 'last' }])
      said.push(golden.argMax(row as Float32Array))
    }
    await model.truncateSlot(0, 0)
    if (`${said}` === `${answer}`) right++
  }
  return right
}

test.each([
  ['q8_0', 7, 0.6],
  ['q4_k_m', 6, 0.5],
] as const)(
  '%s answers nearly as the whole model, in less space, and is made once',
  async (dtype, rightMin, shareMax) => {
    let files: string[]
    {
      await using model = await load(dtype)
      files = made()
      expect(files).toEqual([expect.stringMatching(new RegExp(`^[0-9a-f]{32}-${dtype}\\.gguf$`))])
      expect(model.info.stopTokens).toContain(763)
      expect(await countRight(model)).toBeGreaterThanOrEqual(rightMin)
      await model.attachAdapter({ id: 'mixed', path: join(folder, 'model/adapters/00_mixed') })
    }
    const path = join(folder, 'cache', files[0] as string)
    expect(statSync(path).size).toBeLessThan(shareMax * statSync(join(folder, 'model/model.safetensors')).size)
    const { ino } = statSync(path)
    await (await load(dtype))[Symbol.asyncDispose]()
    expect(statSync(path).ino).toBe(ino)
  },
)

test('weights that were written again are quantised again', async () => {
  await (await load('q8_0'))[Symbol.asyncDispose]()
  utimesSync(join(folder, 'model/model.safetensors'), 1, 1)
  await (await load('q8_0'))[Symbol.asyncDispose]()
  expect(made()).toHaveLength(2)
})

test('needs a folder to keep the result in', async () => {
  const weights = { kind: 'hf-directory', path: join(folder, 'model'), dtype: 'q8_0' } as const
  const refused = { kind: 'usage', code: 'ENGINE_WEIGHTS_UNSUPPORTED' }
  await expect(new LlamaEngine().load(weights)).rejects.toMatchObject(refused)
})
