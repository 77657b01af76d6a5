/** A crowd on the real engine in its process: mixed adapters, half give up; who stays gets the words it gets alone. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { goldenPath } from '../../../test/vectors/golden-model.ts'
import { EngineProcess } from '../engine-process.ts'
import type { AdapterSet } from '../token-engine.ts'
import type { GenerateRequest } from '../token-generator.ts'

const DEMO = goldenPath('demo-chat')
const CHATS = JSON.parse(readFileSync(`${DEMO}/golden/prompt_ids.json`, 'utf8')).chat as readonly number[][]
const END = 763
const SETS: readonly AdapterSet[] = [[], [{ id: '00_mixed', weight: 1 }], [{ id: '01_polite', weight: 1 }]]

interface Client {
  readonly chat: number
  readonly set: number
  readonly startMs: number
  /** After so many tokens; null: it stays. */
  readonly leavesAfter: number | null
}

let engine: EngineProcess
beforeAll(async () => {
  const weights = { kind: 'hf-directory', path: DEMO, dtype: 'f32' } as const
  const model = { slotCount: 4, contextTokens: 400, threadCount: 1, kvType: 'f32' } as const
  engine = await EngineProcess.start(weights, { model, queueMax: 200, times: { pingMs: 50, missesMax: 100 } })
  for (const id of ['00_mixed', '01_polite']) await engine.attachAdapter({ id, path: `${DEMO}/adapters/${id}` })
})
afterAll(() => engine?.[Symbol.asyncDispose]())

async function run({ chat, set, startMs, leavesAfter }: Client): Promise<{ ids: number[]; isWhole: boolean }> {
  await sleep(startMs)
  const stop = new AbortController()
  const tokens = CHATS[chat] as number[]
  const adapters = SETS[set] as AdapterSet
  const request: GenerateRequest = {
    tokens,
    adapters,
    tokenCountMax: 40,
    stopTokens: [END],
    sampling: { temperature: 0 },
  }
  if (leavesAfter === 0) setTimeout(() => stop.abort(), 5)
  const ids: number[] = []
  for await (const event of engine.generate(request, stop.signal)) {
    if (event.type === 'done') return { ids, isWhole: event.reason !== 'abort' }
    ids.push(event.id)
    if (ids.length === leavesAfter) stop.abort()
  }
  throw new Error('ended without done')
}

test('a hundred clients at once', async () => {
  expect(CHATS).toHaveLength(9)
  const alone = new Map<string, number[]>()
  for (let chat = 0; chat < CHATS.length; chat++) {
    for (let set = 0; set < SETS.length; set++) {
      const { ids, isWhole } = await run({ chat, set, startMs: 0, leavesAfter: null })
      expect(isWhole).toBe(true)
      alone.set(`${chat} ${set}`, ids)
    }
  }
  expect(new Set([...alone.values()].map(String)).size).toBeGreaterThan(15)
  const client: fc.Arbitrary<Client> = fc.record({
    chat: fc.nat(CHATS.length - 1),
    set: fc.nat(SETS.length - 1),
    startMs: fc.nat(400),
    leavesAfter: fc.option(fc.nat(8), { freq: 1 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(client, { minLength: 100, maxLength: 120 }), async (clients) => {
      const results = await Promise.all(clients.map(run))
      for (const [i, { ids, isWhole }] of results.entries()) {
        const { chat, set, leavesAfter } = clients[i] as Client
        const expected = alone.get(`${chat} ${set}`) ?? []
        expect(ids).toEqual(isWhole ? expected : expected.slice(0, ids.length))
        if (leavesAfter === null) expect(isWhole).toBe(true)
      }
      await expect.poll(() => engine.stats(), { timeout: 1000 }).toEqual({ slotCount: 4, running: 0, queued: 0 })
    }),
    { numRuns: 1, endOnFailure: true },
  )
})
