/** Chats with demo-chat, whose answers are known, by both drivers: text in, text out. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MemoryModel } from '../../test/engine/memory-model.ts'
import { goldenPath } from '../../test/vectors/golden-model.ts'
import type { ChatMessage, ChatRequest, TextDone, TextEvent } from './chat-backend.ts'
import { EngineProcess } from './engine-process.ts'
import { ReferenceEngine } from './reference/reference-engine.ts'
import { Scheduler } from './scheduling/scheduler.ts'
import { TextProcess } from './text/text-process.ts'
import { TokenChat } from './token-chat.ts'

const DEMO = goldenPath('demo-chat')
const json = (name: string) => JSON.parse(readFileSync(`${DEMO}/${name}`, 'utf8'))
const golden: readonly { messages: ChatMessage[]; greedy_text: string; greedy_ids: number[] }[] =
  json('golden/golden.json').chat
const stack: Readonly<Record<'base' | 'mixed' | 'polite', Record<string, string>>> = json('finetune/golden.json').stack

const weights = { kind: 'hf-directory', path: DEMO, dtype: 'keep' } as const
const model = { slotCount: 4, contextTokens: 1024, threadCount: 1 }

let text: TextProcess
let engine: EngineProcess
let backend: TokenChat

beforeAll(async () => {
  text = await TextProcess.start({ kind: 'directory', path: DEMO }, { limits: { renderMs: 20_000 } })
  engine = await EngineProcess.start(weights, { model })
  for (const id of ['00_mixed', '01_polite']) await engine.attachAdapter({ id, path: `${DEMO}/adapters/${id}` })
  backend = new TokenChat(engine, text)
})
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await text?.[Symbol.asyncDispose]()
})

const GREEDY = { adapters: [], sampling: { temperature: 0 } } as const
const say = (content: string): ChatMessage[] => [{ role: 'user', content }]

async function collect(events: AsyncIterable<TextEvent>): Promise<{ pieces: string[]; text: string; done: TextDone }> {
  const pieces: string[] = []
  for await (const event of events) {
    if (event.type === 'done') return { pieces, text: pieces.join(''), done: event }
    pieces.push(event.text)
  }
  throw new Error('ended without done')
}

const ask = (content: string, more: Partial<ChatRequest> = {}) =>
  collect(backend.chat({ ...GREEDY, messages: say(content), ...more }))

test('nine golden conversations, word for word, one after the other and all at once', async () => {
  expect(golden).toHaveLength(9)
  for (const { messages, greedy_text, greedy_ids } of golden) {
    const { text: answer, done } = await collect(backend.chat({ ...GREEDY, messages }))
    expect(answer).toBe(greedy_text)
    expect(done).toMatchObject({ reason: 'stop', stopString: null, outputTokens: greedy_ids.length })
  }
  const together = await Promise.all(golden.map(({ messages }) => collect(backend.chat({ ...GREEDY, messages }))))
  expect(together.map((one) => one.text)).toEqual(golden.map((one) => one.greedy_text))
})

test('the reference driver answers the same, all at once', async () => {
  await using scheduler = new Scheduler(await new ReferenceEngine().load({ ...weights, dtype: 'f32' }, model))
  const reference = new TokenChat(scheduler, text)
  const answers = await Promise.all(golden.map(({ messages }) => collect(reference.chat({ ...GREEDY, messages }))))
  expect(answers.map((one) => one.text)).toEqual(golden.map((one) => one.greedy_text))
})

test('adapters answer as they were taught, beside each other', async () => {
  const asked = Object.entries(stack).flatMap(([name, answers]) => {
    const adapters = { base: [], mixed: [{ id: '00_mixed', weight: 1 }], polite: [{ id: '01_polite', weight: 1 }] }[
      name
    ]
    return adapters === undefined
      ? []
      : Object.entries(answers).map(([question, answer]) => ({ adapters, question, answer }))
  })
  expect(asked.length).toBeGreaterThanOrEqual(15)
  const answers = await Promise.all(asked.map(({ question, adapters }) => ask(question, { adapters })))
  expect(answers.map((one) => one.text)).toEqual(asked.map((one) => one.answer))
})

test('the next turn of a conversation computes only what is new', async () => {
  const messages = [...say('What is 3 plus 4?'), { role: 'assistant', content: '3 plus 4 is 7.' }]
  await ask('What is 3 plus 4?')
  const { done } = await collect(backend.chat({ ...GREEDY, messages: [...messages, ...say('What color is the sky?')] }))
  expect(done.cachedTokens).toBeGreaterThan(done.promptTokens / 3)
})

describe('the answer ends', () => {
  test('before a stop string that lies across tokens', async () => {
    const whole = await ask('What is the capital of Japan?')
    expect(whole.text).toBe('The capital of Japan is Tokyo.')
    expect(whole.pieces.length).toBeGreaterThan(4)
    const stop = ['n is T', 'never said']
    const { text: answer, pieces, done } = await ask('What is the capital of Japan?', { stop })
    expect([answer, done.reason, done.stopString]).toEqual(['The capital of Japa', 'stop', 'n is T'])
    expect(pieces.join('')).toBe(answer)
    expect(done.outputTokens).toBeLessThan(whole.done.outputTokens)
  })

  test('at the number of tokens asked for', async () => {
    const { done } = await ask('What is the capital of Japan?', { tokenCountMax: 3 })
    expect([done.reason, done.outputTokens]).toEqual(['length', 3])
  })

  test('never by itself, if its end is ignored', async () => {
    const { done } = await ask('Hello!', { tokenCountMax: 20, ignoresEnd: true })
    expect([done.reason, done.outputTokens]).toEqual(['length', 20])
  })
})

describe('on a model without weights', () => {
  let scheduler: Scheduler
  let memory: TokenChat
  beforeEach(() => {
    scheduler = new Scheduler(new MemoryModel({ vocabSize: 768 }))
    memory = new TokenChat(scheduler, text)
  })
  const isIdle = () => expect.poll(() => scheduler.stats(), { timeout: 1000 }).toMatchObject({ running: 0, queued: 0 })
  const forEver = { ...GREEDY, messages: say('Tell me a story.'), ignoresEnd: true }

  test('an answer ends by its signal: while it runs, and before', async () => {
    const stop = new AbortController()
    const seen: string[] = []
    for await (const event of memory.chat(forEver, stop.signal)) {
      seen.push(event.type === 'done' ? event.reason : event.type)
      if (seen.length !== 2) continue
      expect(scheduler.stats().running).toBe(1)
      stop.abort()
    }
    expect(seen.at(-1)).toBe('abort')
    expect(seen.length).toBeLessThan(10)
    await isIdle()
    const { done } = await collect(memory.chat(forEver, AbortSignal.abort()))
    expect([done.reason, done.outputTokens]).toEqual(['abort', 0])
  })

  test('an answer ends when its reader leaves', async () => {
    for await (const event of memory.chat(forEver)) {
      expect([event.type, scheduler.stats().running]).toEqual(['text', 1])
      break
    }
    await isIdle()
  })

  test('a stop string frees the slot', async () => {
    const pieces: string[] = []
    for await (const event of memory.chat(forEver)) {
      if (event.type === 'text') pieces.push(event.text)
      if (pieces.length > 5) break
    }
    const stop = [pieces.slice(2, 4).join('')]
    const { text: answer, done } = await collect(memory.chat({ ...forEver, stop }))
    const whole = pieces.join('')
    expect([answer, done.stopString]).toEqual([whole.slice(0, whole.indexOf(stop[0] as string)), stop[0]])
    await isIdle()
  })

  test('a bad request is refused before anything is computed', async () => {
    const ask = (content: string, more: Partial<ChatRequest> = {}) =>
      collect(memory.chat({ ...GREEDY, messages: say(content), ...more }))
    await expect(ask('Hi', { stop: [''] })).rejects.toMatchObject({ code: 'STOP_STRINGS_BAD' })
    const sampling = { temperature: 1e308 }
    await expect(ask('Hi', { sampling })).rejects.toMatchObject({ code: 'SAMPLING_PARAMETER_BAD' })
    await expect(ask('word '.repeat(3000))).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 })
  })
})

test('log-probabilities name every token of the answer, with its bytes', async () => {
  const sampling = { temperature: 0, logprobs: 3 }
  const bytes: number[] = []
  let whole = ''
  let count = 0
  for await (const event of backend.chat({ adapters: [], sampling, messages: say('What is 9 times 8?') })) {
    if (event.type !== 'text') continue
    whole += event.text
    for (const token of event.tokens ?? []) {
      count++
      bytes.push(...token.bytes)
      expect(token.top).toHaveLength(3)
      expect(token.top[0]).toMatchObject({ id: token.id, text: token.text, logprob: token.logprob })
      expect(token.logprob).toBeLessThanOrEqual(0)
    }
  }
  expect(whole).toBe('9 times 8 is 72.')
  expect(Buffer.from(bytes).toString()).toBe(whole)
  // The last of the golden tokens ends the turn.
  expect(count).toBe((golden[2]?.greedy_ids.length ?? 0) - 1)
})

describe('completions', () => {
  test('go on with the text, without a template', async () => {
    const prompt = '<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nHello! How'
    const { text: answer } = await collect(backend.complete({ ...GREEDY, prompt }))
    expect(answer).toBe(' can I help you today?')
    const tokens = await text.encode(prompt, { addSpecial: true })
    expect((await collect(backend.complete({ ...GREEDY, prompt: tokens }))).text).toBe(answer)
  })

  test('any text at all is answered in whole characters', async () => {
    const sampling = { temperature: 2, seed: 7 }
    for (const prompt of ['🦉🦉', '語', '\ud83e', 'é']) {
      const { pieces } = await collect(backend.complete({ adapters: [], sampling, prompt, tokenCountMax: 30 }))
      for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
    }
  })
})

describe('what templates are given', () => {
  test('parts of text as text, arguments of tool calls as objects', async () => {
    const parts = [
      { type: 'text', text: 'What color ' },
      { type: 'text', text: 'is the sky?' },
    ]
    const { text: answer } = await collect(backend.chat({ ...GREEDY, messages: [{ role: 'user', content: parts }] }))
    expect(answer).toBe('The sky is blue.')
    const call = { id: '1', type: 'function', function: { name: 'add', arguments: '{"a": 1}' } }
    const broken = { id: '2', type: 'function', function: { name: 'add', arguments: '{"a": ' } }
    const messages = [...say('Add.'), { role: 'assistant', content: null, tool_calls: [call, broken] }]
    const { done } = await collect(
      backend.chat({ ...GREEDY, messages, tools: [{ type: 'function' }], tokenCountMax: 1 }),
    )
    expect(done.promptTokens).toBeGreaterThan(40)
  })

  test.each<[string, ChatMessage[]]>([
    ['MESSAGES_EMPTY', []],
    [
      'CONTENT_UNSUPPORTED',
      [{ role: 'user', content: [{ type: 'image_url', image_url: 'http://10.0.0.1/' } as never] }],
    ],
  ])('%s', async (code, messages) => {
    await expect(collect(backend.chat({ ...GREEDY, messages }))).rejects.toMatchObject({ code })
  })
})
