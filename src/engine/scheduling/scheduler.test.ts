/** The scheduler on a model without weights whose every logit depends on the whole cache of its slot. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { MemoryModel, type MemoryModelOptions } from '../../../test/engine/memory-model.ts'
import type { GenerateDone, GenerateEvent, GenerateRequest } from '../token-generator.ts'
import { Scheduler, type SchedulerOptions } from './scheduler.ts'

function setUp(model: MemoryModelOptions = {}, options: SchedulerOptions = {}) {
  const memory = new MemoryModel(model)
  return { memory, scheduler: new Scheduler(memory, options) }
}

function ask(tokens: readonly number[], more: Partial<GenerateRequest> = {}): GenerateRequest {
  return { tokens, adapters: [], tokenCountMax: 8, stopTokens: [], sampling: { temperature: 0 }, ...more }
}

async function collect(events: AsyncIterable<GenerateEvent>): Promise<{ ids: number[]; done: GenerateDone }> {
  const ids: number[] = []
  for await (const event of events) {
    if (event.type === 'done') return { ids, done: event }
    ids.push(event.id)
  }
  throw new Error('ended without done')
}

/** What the request gives when it is all there is. */
async function solo(request: GenerateRequest, adapters: readonly string[] = []): Promise<number[]> {
  const { scheduler } = setUp()
  for (const id of adapters) await scheduler.attachAdapter({ id, path: id })
  return (await collect(scheduler.generate(request))).ids
}

const prompt = (length: number, seed = 1) => Array.from({ length }, (_, i) => (i * 7 + seed * 13 + 1) % 64)
const idle = (scheduler: Scheduler) => expect.poll(() => scheduler.stats().running, { timeout: 1000 }).toBe(0)

test('answers up to the count, a stop token, or the end of the context', async () => {
  const { scheduler } = setUp({ contextTokens: 40 })
  const long = await collect(scheduler.generate(ask(prompt(10), { tokenCountMax: 5 })))
  expect([long.ids.length, long.done.reason]).toEqual([5, 'length'])
  expect(long.done).toMatchObject({ promptTokens: 10, outputTokens: 5 })
  const stopTokens = [long.ids[2] as number]
  const stopped = await collect(scheduler.generate(ask(prompt(10), { stopTokens })))
  expect(stopped.ids).toEqual(long.ids.slice(0, long.ids.indexOf(stopTokens[0] as number) + 1))
  expect(stopped.done.reason).toBe('stop')
  const full = await collect(scheduler.generate(ask(prompt(10), { tokenCountMax: 1000 })))
  expect([full.ids.length, full.done.reason]).toEqual([30, 'length'])
})

test('requests that run together go forward in the same calls', async () => {
  const { memory, scheduler } = setUp()
  const answers = [1, 2, 3, 4].map((seed) => collect(scheduler.generate(ask(prompt(5, seed), { tokenCountMax: 20 }))))
  await Promise.all(answers)
  expect(Math.max(...memory.calls.map((steps) => steps.length))).toBe(4)
  expect(memory.calls.length).toBeLessThan(30)
})

test('adapter sets go in calls of their own, in turns, and give what they give alone', async () => {
  const { memory, scheduler } = setUp()
  const sets = [
    [],
    [{ id: 'a', weight: 1 }],
    [
      { id: 'a', weight: 1 },
      { id: 'b', weight: 0.5 },
    ],
    [],
  ]
  for (const id of ['a', 'b']) await scheduler.attachAdapter({ id, path: id })
  const requests = sets.map((adapters) => ask(prompt(6), { adapters, tokenCountMax: 12 }))
  const answers = await Promise.all(requests.map((request) => collect(scheduler.generate(request))))
  for (const [i, request] of requests.entries()) expect(answers[i]?.ids).toEqual(await solo(request, ['a', 'b']))
  expect(answers[0]?.ids).not.toEqual(answers[1]?.ids)
  const keys = memory.calls.map((steps) => new Set(steps.map(({ adapters }) => JSON.stringify(adapters))))
  for (const key of keys) expect(key.size).toBe(1)
  // Nobody has a second turn before each has had one.
  expect(new Set(keys.slice(0, 3).flatMap((key) => [...key])).size).toBe(3)
})

describe('the prefix cache', () => {
  test('a request that goes on with a conversation computes only what is new', async () => {
    const { memory, scheduler } = setUp()
    const first = await collect(scheduler.generate(ask(prompt(100))))
    const next = ask([...prompt(100), ...first.ids, 5, 6, 7])
    memory.calls.length = 0
    const second = await collect(scheduler.generate(next))
    // The last token of an answer was never computed.
    expect(second.done.cachedTokens).toBe(107)
    expect(memory.calls[0]?.[0]?.tokens.length).toBe(4)
    expect(second.ids).toEqual(await solo(next))
  })

  test.each([true, false])(
    'a slot in use gives its beginning to others, if the driver can copy: %s',
    async (slotCopy) => {
      const requests = [1, 2, 3].map((seed) => ask([...prompt(100), ...prompt(4, seed)], { tokenCountMax: 60 }))
      const { scheduler } = setUp({ slotCopy })
      const first = scheduler.generate(requests[0] as GenerateRequest)
      await first.next()
      const answers = await Promise.all(requests.slice(1).map((request) => collect(scheduler.generate(request))))
      for (const [i, { ids, done }] of answers.entries()) {
        expect(ids).toEqual(await solo(requests[i + 1] as GenerateRequest))
        expect(done.cachedTokens).toBe(slotCopy ? 100 : 0)
      }
      await collect(first)
    },
  )

  test('what other adapters computed is not used', async () => {
    const { scheduler } = setUp()
    await scheduler.attachAdapter({ id: 'a', path: 'a' })
    await collect(scheduler.generate(ask(prompt(50))))
    const request = ask(prompt(50), { adapters: [{ id: 'a', weight: 1 }] })
    const { ids, done } = await collect(scheduler.generate(request))
    expect([done.cachedTokens, ids]).toEqual([0, await solo(request, ['a'])])
  })
})

describe('the context is shared', () => {
  test('caches of the past give way to the present', async () => {
    const { scheduler } = setUp({ contextTokens: 120 })
    for (let seed = 1; seed <= 8; seed++) {
      const request = ask(prompt(60, seed))
      expect((await collect(scheduler.generate(request))).ids).toEqual(await solo(request))
    }
  })

  test('who came last waits when all together need more than there is, and loses nothing', async () => {
    const { scheduler } = setUp({ contextTokens: 160 })
    const requests = [1, 2, 3, 4].map((seed) => ask(prompt(8, seed), { tokenCountMax: 90 }))
    const answers = await Promise.all(requests.map((request) => collect(scheduler.generate(request))))
    for (const [i, request] of requests.entries()) {
      expect(answers[i]?.ids).toEqual(await solo(request))
      expect(answers[i]?.done.promptTokens).toBe(8)
    }
  })

  test('who had to go back is the first to come again', async () => {
    const { scheduler } = setUp({ contextTokens: 160, slotCount: 3 })
    const ended: number[] = []
    const running = [1, 2, 3].map((seed) => ask(prompt(8, seed), { tokenCountMax: 90 }))
    const late = [4, 5, 6].map((seed) => ask(prompt(8, seed), { tokenCountMax: 90 }))
    await Promise.all(
      [...running, ...late].map((request, i) => collect(scheduler.generate(request)).then(() => ended.push(i))),
    )
    // The second and third went back while the last three were waiting: they are served before them.
    expect(ended.indexOf(2)).toBeLessThan(ended.indexOf(5))
    expect(ended.slice(0, 3).sort()).toEqual([0, 1, 2])
  })
})

describe('fairness', () => {
  test('a long prompt comes in pieces, between which others go on', async () => {
    const { memory, scheduler } = setUp({ onToken: () => sleep(1) }, { callMs: 40 })
    const short = collect(scheduler.generate(ask(prompt(4), { tokenCountMax: 40 })))
    await expect.poll(() => memory.calls.length).toBeGreaterThan(3)
    const long = collect(scheduler.generate(ask(prompt(600, 2))))
    await short
    expect(Math.max(...memory.calls.flat().map(({ tokens }) => tokens.length))).toBeLessThan(200)
    // Of the calls while both were there, those of the long one served the short one, too.
    const both = memory.calls.filter((steps) => steps.some(({ tokens }) => tokens.length > 1) && steps.length === 2)
    expect(both.length).toBeGreaterThan(1)
    await long
  })

  test('the queue is served in order, and is bounded', async () => {
    const { scheduler } = setUp({ slotCount: 1 }, { queueMax: 99 })
    const ended: number[] = []
    const running = Array.from({ length: 99 }, (_, i) =>
      collect(scheduler.generate(ask(prompt(3, i), { tokenCountMax: 2 }))).then(() => ended.push(i)),
    )
    const refused = scheduler.generate(ask(prompt(3)))
    await expect(refused.next()).rejects.toMatchObject({ kind: 'rate-limited', code: 'QUEUE_FULL' })
    await expect(scheduler.generate(ask(prompt(3))).next()).rejects.toMatchObject({
      data: { retryAfterMs: expect.any(Number) },
    })
    await Promise.all(running)
    expect(ended).toEqual(Array.from({ length: 99 }, (_, i) => i))
    expect((await collect(scheduler.generate(ask(prompt(3))))).ids).toHaveLength(8)
  })
})

describe('a request ends when its signal says so', () => {
  const slow: MemoryModelOptions = { slotCount: 1, batchTokensMax: 4096, onToken: () => sleep(2) }

  test('while it waits in the queue: at once, and nobody else notices', async () => {
    const { scheduler } = setUp(slow)
    const first = collect(scheduler.generate(ask(prompt(5), { tokenCountMax: 30 })))
    await expect.poll(() => scheduler.stats().running).toBe(1)
    const stop = new AbortController()
    const queued = collect(scheduler.generate(ask(prompt(5)), stop.signal))
    stop.abort()
    const { ids, done } = await queued
    expect([ids, done.reason, scheduler.stats().queued]).toEqual([[], 'abort', 0])
    expect((await first).ids).toEqual(await solo(ask(prompt(5), { tokenCountMax: 30 })))
  })

  test('while its prompt is computed: the call ends, and the slot is free', async () => {
    const { memory, scheduler } = setUp(slow, { callMs: 60_000 })
    // Learns how fast it is, so that the next prompt is one call of some seconds.
    await collect(scheduler.generate(ask(prompt(64), { tokenCountMax: 1 })))
    const stop = new AbortController()
    const running = collect(scheduler.generate(ask(prompt(3000, 2)), stop.signal))
    await expect.poll(() => memory.calls.at(-1)?.[0]?.tokens.length).toBeGreaterThan(1000)
    stop.abort()
    expect((await running).done.reason).toBe('abort')
    await idle(scheduler)
    expect((await collect(scheduler.generate(ask(prompt(5))))).ids).toEqual(await solo(ask(prompt(5))))
  })

  test('between two tokens; and the same by leaving the loop', async () => {
    const { scheduler } = setUp(slow)
    const stop = new AbortController()
    let count = 0
    for await (const event of scheduler.generate(ask(prompt(5), { tokenCountMax: 1000 }), stop.signal)) {
      if (event.type === 'token' && ++count === 3) stop.abort()
      if (event.type === 'done') expect(event.reason).toBe('abort')
    }
    await idle(scheduler)
    for await (const event of scheduler.generate(ask(prompt(5), { tokenCountMax: 1000 })))
      if (event.type === 'token') break
    await idle(scheduler)
  })

  test('leaving wakes who waits for the next event', async () => {
    const { scheduler } = setUp({ onToken: () => sleep(60) })
    const events = scheduler.generate(ask(prompt(50)))
    const waiting = events.next()
    await events.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await idle(scheduler)
  })

  test('before it began', async () => {
    const { scheduler } = setUp()
    const { ids, done } = await collect(scheduler.generate(ask(prompt(5)), AbortSignal.abort()))
    expect([ids, done.reason]).toEqual([[], 'abort'])
  })
})

describe('what fails, fails alone', () => {
  test('logits that are no numbers end their request, the others go on', async () => {
    const { scheduler } = setUp({ nanToken: 63 })
    const good = collect(
      scheduler.generate(ask([1, 2, 3], { sampling: { temperature: 0, logitBias: new Map([[63, -100]]) } })),
    )
    const bad = collect(scheduler.generate(ask([1, 2, 63])))
    await expect(bad).rejects.toMatchObject({ code: 'ENGINE_NAN' })
    expect((await good).done.reason).toBe('length')
    await idle(scheduler)
  })

  test('a call that fails is tried with each of its requests alone', async () => {
    const onToken = (token: number) => {
      if (token === 62) throw new Error('this token breaks the driver')
    }
    const { scheduler } = setUp({ onToken })
    const sampling = { temperature: 0, logitBias: new Map([[62, -100]]) }
    const good = collect(scheduler.generate(ask([1, 2, 3], { sampling })))
    const bad = collect(scheduler.generate(ask([1, 2, 62], { sampling })))
    await expect(bad).rejects.toMatchObject({ kind: 'bug', message: 'this token breaks the driver' })
    expect((await good).done.outputTokens).toBe(8)
  })

  test.each<[string, Partial<GenerateRequest>]>([
    ['PROMPT_EMPTY', { tokens: [] }],
    ['PROMPT_TOO_LONG', { tokens: prompt(4096) }],
    ['TOKEN_UNKNOWN', { tokens: [64] }],
    ['ADAPTER_NOT_ATTACHED', { adapters: [{ id: 'x', weight: 1 }] }],
    ['TOKEN_COUNT_BAD', { tokenCountMax: -5 }],
    ['TOKEN_COUNT_BAD', { stopTokens: new Array(2000).fill(1) }],
    ['SAMPLING_PARAMETER_BAD', { sampling: { temperature: -1 } }],
    ['GRAMMAR_UNSUPPORTED', { grammar: 'root ::= "x"' }],
  ])('%s', async (code, more) => {
    const { scheduler } = setUp()
    await expect(scheduler.generate(ask(prompt(4), more)).next()).rejects.toMatchObject({ code })
    expect(scheduler.stats()).toEqual({ slotCount: 4, running: 0, queued: 0 })
  })
})

test('an engine that takes fewer adapters says so', async () => {
  const { memory, scheduler } = setUp()
  memory.caps = () => ({ ...new MemoryModel().caps(), adapters: 'one' })
  const adapters = ['a', 'b'].map((id) => ({ id, weight: 1 }))
  for (const { id } of adapters) await scheduler.attachAdapter({ id, path: id })
  const refused = scheduler.generate(ask(prompt(4), { adapters })).next()
  await expect(refused).rejects.toMatchObject({ kind: 'unsupported', code: 'ADAPTERS_UNSUPPORTED' })
})

test('the same seed draws the same, whatever runs beside it', async () => {
  const request = ask(prompt(5), { sampling: { temperature: 1, seed: 5, topP: 0.9 }, tokenCountMax: 40 })
  const expected = await solo(request)
  const { scheduler } = setUp()
  const crowd = [1, 2, 3].map((seed) => collect(scheduler.generate(ask(prompt(9, seed), { tokenCountMax: 20 }))))
  expect((await collect(scheduler.generate(request))).ids).toEqual(expected)
  await Promise.all(crowd)
})

test('log-probabilities come with the tokens', async () => {
  const { scheduler } = setUp()
  const sampling = { temperature: 0, logprobs: 2 }
  for await (const event of scheduler.generate(ask(prompt(5), { sampling }))) {
    if (event.type !== 'token') continue
    expect(event.top?.[0]).toEqual([event.id, event.logprob])
    expect(event.top).toHaveLength(2)
  }
})

test('deterministic: one sequence a call, prompts always cut alike, no cache', async () => {
  const { memory, scheduler } = setUp({ batchTokensMax: 50 }, { isDeterministic: true })
  const requests = [1, 2, 3, 1].map((seed) => ask(prompt(120, seed)))
  const answers = await Promise.all(requests.map((request) => collect(scheduler.generate(request))))
  for (const [i, request] of requests.entries()) expect(answers[i]?.ids).toEqual(await solo(request))
  for (const steps of memory.calls) expect(steps).toHaveLength(1)
  const lengths = memory.calls.flat().map(({ tokens }) => tokens.length)
  expect(new Set(lengths)).toEqual(new Set([50, 20, 1]))
  expect(answers.every(({ done }) => done.cachedTokens === 0)).toBe(true)
})

describe('beside requests', () => {
  test('logits of all tokens, in any slot that is free', async () => {
    const { scheduler } = setUp({ slotCount: 2 })
    const running = [1, 2, 3].map((seed) => collect(scheduler.generate(ask(prompt(9, seed), { tokenCountMax: 20 }))))
    const rows = await scheduler.logits(prompt(300), [])
    expect(rows).toHaveLength(300 * 64)
    const [first] = await solo(ask(prompt(300)))
    const last = rows.slice(-64)
    expect(last.indexOf(Math.max(...last))).toBe(first)
    await Promise.all(running)
    await expect(scheduler.logits(prompt(5000), [])).rejects.toMatchObject({ code: 'LOGITS_TOO_LARGE' })
    await expect(scheduler.logits([1], [{ id: 'x', weight: 1 }])).rejects.toMatchObject({
      code: 'ADAPTER_NOT_ATTACHED',
    })
    expect((await scheduler.embed([[1, 2]], 'mean'))[0]).toEqual(Float32Array.of(2))
    expect([...(await scheduler.tokenize('a', { special: false, addBos: false }))]).toEqual([97])
    expect(await scheduler.pieces()).toHaveLength(64)
  })

  test('an adapter goes when its last request has gone, and new ones are refused at once', async () => {
    const { memory, scheduler } = setUp()
    await scheduler.attachAdapter({ id: 'a', path: 'a' })
    const request = ask(prompt(9), { adapters: [{ id: 'a', weight: 1 }], tokenCountMax: 30 })
    const running = collect(scheduler.generate(request))
    const detached = scheduler.detachAdapter('a').then(() => [...memory.attached])
    await expect(scheduler.generate(request).next()).rejects.toMatchObject({ code: 'ADAPTER_NOT_ATTACHED' })
    expect((await running).done.outputTokens).toBe(30)
    expect(await detached).toEqual([])
  })
})

test('closing ends every request with a reason, then the model', async () => {
  const { memory, scheduler } = setUp({ slotCount: 1 })
  const [running, queued] = [1, 2].map((seed) => scheduler.generate(ask(prompt(9, seed), { tokenCountMax: 1000 })))
  const waiting = collect(queued as NonNullable<typeof queued>)
  await running?.next()
  const ends = Promise.allSettled([waiting, collect(running as NonNullable<typeof running>)])
  await scheduler[Symbol.asyncDispose]()
  for (const end of await ends) expect(end).toMatchObject({ reason: { kind: 'busy', code: 'ENGINE_CLOSED' } })
  expect(memory.isDisposed).toBe(true)
  await expect(scheduler.generate(ask([1])).next()).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })
  await expect(scheduler.pieces()).rejects.toMatchObject({ code: 'ENGINE_CLOSED' })
})
