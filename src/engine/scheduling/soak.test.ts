/** Crowds of requests that come, go and give up as they like: who stays gets what it would get alone, and all slots come back. */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryModel } from '../../../test/engine/memory-model.ts'
import type { AdapterSet } from '../token-engine.ts'
import type { GenerateRequest } from '../token-generator.ts'
import { Scheduler } from './scheduler.ts'

const SETS: readonly AdapterSet[] = [
  [],
  [{ id: 'a', weight: 1 }],
  [{ id: 'a', weight: 0.5 }],
  [
    { id: 'b', weight: 1 },
    { id: 'a', weight: 1 },
  ],
]

interface Client {
  readonly set: number
  /** Prompts of one family begin alike. */
  readonly family: number
  readonly promptTokens: number
  readonly tokenCountMax: number
  readonly seed: number
  readonly startMs: number
  /** After so many events; null: it stays. */
  readonly leavesAfter: number | null
  readonly how: 'signal' | 'break' | 'soon'
}

const client: fc.Arbitrary<Client> = fc.record({
  set: fc.nat(SETS.length - 1),
  family: fc.nat(3),
  promptTokens: fc.integer({ min: 1, max: 200 }),
  tokenCountMax: fc.integer({ min: 1, max: 60 }),
  seed: fc.nat(1000),
  startMs: fc.nat(300),
  leavesAfter: fc.option(fc.nat(40), { freq: 1 }),
  how: fc.constantFrom('signal', 'break', 'soon'),
})

function requestOf({ set, family, promptTokens, tokenCountMax, seed }: Client): GenerateRequest {
  const tokens = Array.from({ length: promptTokens }, (_, i) => (i < 50 ? i * 3 + family : i * 7 + seed) % 64)
  const sampling = { temperature: seed % 2, seed, repeatPenalty: 1.1 }
  return { tokens, adapters: SETS[set] as AdapterSet, tokenCountMax, stopTokens: [seed % 64], sampling }
}

async function open(contextTokens: number): Promise<{ memory: MemoryModel; scheduler: Scheduler }> {
  const memory = new MemoryModel({ slotCount: 4, contextTokens, batchTokensMax: 64 })
  const scheduler = new Scheduler(memory, { queueMax: 1000 })
  for (const id of ['a', 'b']) await scheduler.attachAdapter({ id, path: id })
  return { memory, scheduler }
}

/** The tokens it got, and whether it got all of them. */
async function run(scheduler: Scheduler, one: Client): Promise<{ ids: number[]; isWhole: boolean }> {
  await sleep(one.startMs)
  const stop = new AbortController()
  if (one.leavesAfter !== null && one.how === 'soon') setTimeout(() => stop.abort(), one.leavesAfter)
  const ids: number[] = []
  for await (const event of scheduler.generate(requestOf(one), stop.signal)) {
    if (event.type === 'done') return { ids, isWhole: event.reason !== 'abort' }
    ids.push(event.id)
    if (one.leavesAfter !== ids.length) continue
    if (one.how === 'break') break
    stop.abort()
  }
  return { ids, isWhole: false }
}

async function soloIds(one: Client): Promise<number[]> {
  const { scheduler } = await open(100_000)
  return (await run(scheduler, { ...one, startMs: 0, leavesAfter: null })).ids
}

test.each([
  ['with room for all', 4096],
  // Four of the largest need 1,040.
  ['with too little room', 400],
])('crowds %s', async (_name, contextTokens) => {
  await fc.assert(
    fc.asyncProperty(fc.array(client, { minLength: 100, maxLength: 150 }), async (clients) => {
      const { memory, scheduler } = await open(contextTokens)
      const results = await Promise.all(clients.map((one) => run(scheduler, one)))
      for (const [i, { ids, isWhole }] of results.entries()) {
        const one = clients[i] as Client
        const expected = await soloIds(one)
        expect(ids).toEqual(isWhole ? expected : expected.slice(0, ids.length))
        if (one.leavesAfter === null) expect(isWhole).toBe(true)
      }
      await expect.poll(() => scheduler.stats(), { timeout: 1000 }).toEqual({ slotCount: 4, running: 0, queued: 0 })
      // All four can be used again, at the same time.
      memory.calls.length = 0
      const more = Array.from({ length: 4 }, (_, seed) => ({ ...(clients[0] as Client), seed, promptTokens: 5 }))
      const last = more.map((one) => run(scheduler, { ...one, startMs: 0, leavesAfter: null, tokenCountMax: 30 }))
      await Promise.all(last)
      expect(new Set(memory.calls.flat().map(({ slot }) => slot)).size).toBe(4)
    }),
    { numRuns: 2, endOnFailure: true },
  )
})

test('a few of another adapter set are served beside a crowd that never ends', async () => {
  const { memory, scheduler } = await open(4096)
  const stop = new AbortController()
  const crowd = Array.from({ length: 8 }, async (_, seed) => {
    while (!stop.signal.aborted) {
      const request = requestOf({ ...CROWD, seed: seed * 2 })
      for await (const event of scheduler.generate(request, stop.signal)) if (event.type === 'done') break
    }
  })
  await expect.poll(() => memory.calls.length).toBeGreaterThan(50)
  const before = memory.calls.length
  for (let seed = 0; seed < 4; seed++) {
    const { isWhole } = await run(scheduler, { ...CROWD, seed, set: 1, tokenCountMax: 20, startMs: 0 })
    expect(isWhole).toBe(true)
  }
  // Each waits for a slot (eight before it, 4 slots, 30 tokens each), then has every second call.
  expect(memory.calls.length - before).toBeLessThan(4 * (3 * 40 + 2 * 25))
  stop.abort()
  await Promise.all(crowd)
})

const CROWD: Client = {
  ...{ set: 0, family: 0, promptTokens: 20, tokenCountMax: 30, seed: 0, startMs: 0 },
  ...{ leavesAfter: null, how: 'signal' },
}
