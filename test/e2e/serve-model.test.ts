/** `xorbit serve demo-chat demo.gguf`: OpenAI's API from a real server, whose answers are known. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askChat, openChat, readChat } from '../farm/chat-client.ts'
import { cpuSeconds, findChildren } from '../farm/child-processes.ts'
import { writeGgufModel } from '../farm/gguf-model.ts'
import { send } from '../farm/http-send.ts'
import { HubProcess, ROOT, xorbit } from '../farm/hub-process.ts'

const DEMO = join(ROOT, 'test/vectors/models/demo-chat')
const golden: readonly { messages: object[]; greedy_text: string; greedy_ids: number[] }[] = JSON.parse(
  readFileSync(join(DEMO, 'golden/golden.json'), 'utf8'),
).chat
const GREEDY = { model: 'demo-chat', temperature: 0 }
const say = (content: string) => [{ role: 'user', content }]
const JAPAN = { ...GREEDY, messages: say('What is the capital of Japan?') }
/** Without its end tokens an answer goes on for thousands of tokens. */
const ENDLESS = { ...JAPAN, logit_bias: { 763: -100, 761: -100 } }

let folder = ''
let hub: HubProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-model-'))
  writeGgufModel(DEMO, join(folder, 'demo.gguf'), { pre: 'qwen2' })
  hub = await HubProcess.start(folder, { args: [DEMO, join(folder, 'demo.gguf')] })
})
afterAll(async () => {
  await hub?.stop()
  await rm(folder, { recursive: true })
})

/** Of demo-chat: the other one maps its file. */
const mapsGguf = (pid: number) => readFileSync(`/proc/${pid}/maps`, 'utf8').includes('demo.gguf')
const enginePid = () => findChildren(hub.pid, 'engine-host').find((pid) => !mapsGguf(pid)) as number
const post = (body: object | string) =>
  send(hub.url, '/v1/chat/completions', {
    method: 'POST',
    body: body as string,
    headers: { 'content-type': 'application/json' },
  })

/** Once the model is loaded again. */
async function askLater(): Promise<string> {
  for (;;) {
    const stream = await openChat(hub.url, { ...JAPAN, stream: true })
    if (stream.status === 200) return (await readChat(stream)).text
    expect(stream.status).toBe(503)
    expect(Number(stream.headers['retry-after'])).toBeGreaterThan(0)
    await sleep(50)
  }
}

test.each(['demo-chat', 'demo'])(
  '%s: nine golden conversations, streamed and whole, all at once, with exact usage',
  async (model) => {
    const streamed = await Promise.all(
      golden.map(({ messages }) =>
        askChat(hub.url, { ...GREEDY, model, messages, stream_options: { include_usage: true } }),
      ),
    )
    for (const [i, { greedy_text, greedy_ids, messages }] of golden.entries()) {
      const { text, pieces, finish, usage, last } = streamed[i] as (typeof streamed)[number]
      expect([text, finish, last.data]).toEqual([greedy_text, 'stop', '[DONE]'])
      expect(pieces).toBeGreaterThan(2)
      expect(usage?.completion_tokens).toBe(greedy_ids.length)
      const whole = (await post({ ...GREEDY, model, messages })).json() as { choices: object[]; usage: object }
      expect(whole.choices).toMatchObject([
        { index: 0, message: { role: 'assistant', content: greedy_text }, finish_reason: 'stop' },
      ])
      expect(whole.usage).toMatchObject({
        prompt_tokens: usage?.prompt_tokens,
        completion_tokens: greedy_ids.length,
        total_tokens: (usage?.prompt_tokens ?? 0) + greedy_ids.length,
      })
    }
  },
)

test('the stream is what OpenAI sends, byte by byte', async () => {
  const reply = await post({ ...JAPAN, stream: true, max_tokens: 2 })
  expect(reply.headers['content-type']).toBe('text/event-stream; charset=utf-8')
  const { id, created } = JSON.parse(reply.body.toString().split('\n')[0]?.slice('data: '.length) ?? '')
  const chunk = (delta: object, finish: string | null) => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }]
    return `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created, model: 'demo-chat', choices })}\n\n`
  }
  expect(reply.body.toString()).toBe(
    [
      chunk({ role: 'assistant', content: '' }, null),
      chunk({ content: 'The' }, null),
      chunk({ content: ' capital' }, null),
      chunk({}, 'length'),
      'data: [DONE]\n\n',
    ].join(''),
  )
})

test('models are listed, under both addresses', async () => {
  for (const prefix of ['/v1', '/oai/v1']) {
    const entry = { id: 'demo-chat', object: 'model', owned_by: 'xorbit', created: expect.any(Number) }
    const data = [entry, { ...entry, id: 'demo' }]
    expect((await send(hub.url, `${prefix}/models`)).json()).toEqual({ object: 'list', data })
    expect((await send(hub.url, `${prefix}/models/demo-chat`)).json()).toEqual(entry)
  }
  // MODEL_UNKNOWN, as OpenAI calls it.
  const missing = await send(hub.url, '/v1/models/ns/other')
  expect([missing.status, missing.json()]).toMatchObject([404, { error: { code: 'model_not_found' } }])
})

test('log-probabilities, a stop string and a seed do what they say', async () => {
  const asked = { ...JAPAN, logprobs: true, top_logprobs: 2, stop: 'of J' }
  const { choices } = (await post(asked)).json() as { choices: { message: object; logprobs: { content: object[] } }[] }
  expect(choices[0]?.message).toMatchObject({ content: 'The capital ' })
  const first = { token: 'The', bytes: [84, 104, 101], logprob: expect.any(Number) }
  expect(choices[0]?.logprobs.content[0]).toMatchObject({ ...first, top_logprobs: [first, {}] })
  // One after the other: beside others the last bits of a number may differ, and with them what is drawn.
  const texts: string[] = []
  for (const seed of [7, 7, 8]) texts.push((await askChat(hub.url, { ...JAPAN, temperature: 3, seed })).text)
  expect(texts[0]).toBe(texts[1])
  expect(texts[0]).not.toBe(texts[2])
})

/** `parameter_unsupported` is our PARAMETER_UNSUPPORTED. */
describe('a request that cannot be answered is refused in words of OpenAI', () => {
  const bad = (change: object) => ({ ...JAPAN, ...change })
  const image = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://169.254.169.254/' } }] }]
  test.each<[string, object | string, number, string, string | null]>([
    ['no JSON', 'nope', 400, 'json_malformed', null],
    ['nothing', {}, 400, 'field_invalid', 'model'],
    ['an unknown model', bad({ model: '/etc/passwd' }), 404, 'model_not_found', null],
    ['no messages', bad({ messages: [] }), 400, 'field_invalid', 'messages'],
    ['a wrong type', bad({ messages: 'hello' }), 400, 'field_invalid', 'messages'],
    ['a template of its own', bad({ chat_template: '{{ 1 }}' }), 400, 'parameter_unsupported', 'chat_template'],
    ['tools', bad({ tools: [{ type: 'function' }] }), 400, 'parameter_unsupported', 'tools'],
    ['a schema', bad({ response_format: { type: 'json_object' } }), 400, 'parameter_unsupported', 'response_format'],
    ['an image', bad({ messages: image }), 400, 'content_unsupported', null],
    ['a temperature below zero', bad({ temperature: -1 }), 400, 'field_invalid', 'temperature'],
    ['a huge temperature', bad({ temperature: 1e308 }), 400, 'field_invalid', 'temperature'],
    ['a huge top_k', bad({ top_k: 2 ** 31 }), 400, 'field_invalid', 'top_k'],
    ['many answers', bad({ n: 1000 }), 400, 'field_invalid', 'n'],
    ['less than no tokens', bad({ max_tokens: -5 }), 400, 'field_invalid', 'max_tokens'],
    [
      'a seed of 65 bits',
      JSON.stringify(JAPAN).replace('{', '{"seed":18446744073709551616,'),
      400,
      'field_invalid',
      'seed',
    ],
    [
      'a hundred thousand biases',
      bad({ logit_bias: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [i, 1])) }),
      ...([400, 'field_invalid', 'logit_bias'] as const),
    ],
    ['a hundred thousand stop strings', bad({ stop: new Array(100_000).fill('x') }), 400, 'field_invalid', 'stop'],
    ['a prompt beyond the context', bad({ messages: say('word '.repeat(9000)) }), 400, 'context_length_exceeded', null],
    ['ten megabytes', bad({ messages: say('x'.repeat(10_000_000)) }), 413, 'body_too_large', null],
  ])('%s', async (_name, body, status, code, param) => {
    const reply = await post({ stream: true, ...(typeof body === 'string' ? {} : body) })
    const raw = typeof body === 'string' ? await post(body) : reply
    expect([raw.status, raw.json()]).toMatchObject([status, { error: { code, param, type: 'invalid_request_error' } }])
    expect(raw.json()).toEqual({ error: { message: expect.any(String), type: expect.any(String), param, code } })
  })
})

test('a client that leaves ends its answer in the engine within a second, and no other', async () => {
  const other = openChat(hub.url, { ...ENDLESS, stream: true, max_tokens: 300 })
  const leaving = await openChat(hub.url, { ...ENDLESS, stream: true })
  const seen: string[] = []
  for await (const { data } of leaving) {
    seen.push(data)
    if (seen.length === 10) leaving.leave()
    if (seen.length >= 10) break
  }
  expect((await readChat(await other)).finish).toBe('length')
  await sleep(1_000)
  const before = cpuSeconds(enginePid())
  await sleep(500)
  expect(cpuSeconds(enginePid()) - before).toBeLessThan(0.1)
})

// In this order: who dies again soon is started again later.
test.each(['SIGSTOP', 'SIGKILL', 'SIGABRT'] as const)(
  'an engine that gets %s in the middle of an answer: an error event, and the next request is served in time',
  async (signal) => {
    const stream = await openChat(hub.url, { ...ENDLESS, stream: true })
    let sent = false
    const frames: { event: string | null; data: string }[] = []
    let diedMs = 0
    for await (const frame of stream) {
      frames.push(frame)
      if (sent || frames.length < 5) continue
      sent = true
      diedMs = performance.now()
      process.kill(enginePid(), signal)
    }
    const last = frames.at(-1)
    expect(last?.event).toBe('error')
    expect(JSON.parse(last?.data ?? '')).toMatchObject({ error: { code: 'engine_died', type: 'server_error' } })
    expect(await askLater()).toBe('The capital of Japan is Tokyo.')
    expect(performance.now() - diedMs).toBeLessThan(5_000)
    expect(hub.isRunning).toBe(true)
  },
)

test('beside other users it wants a token of scope inference', async () => {
  await hub.createUser('eve', 'write')
  const token = (stdout: string) => (JSON.parse(stdout.split('\n')[0] ?? '') as { token: string }).token
  const env = { HF_ENDPOINT: hub.url, HF_TOKEN: hub.adminToken }
  const words = [
    'token',
    'create',
    '--user',
    'eve',
    '--name',
    'chat',
    '--scope',
    'inference',
    '--home',
    hub.home,
    '--json',
  ]
  const key = token((await xorbit(folder, words, { env })).stdout)
  const statuses = await Promise.all(
    [undefined, 'sk-made-up', key].map(
      async (one) => (await openChat(hub.url, JAPAN, one === undefined ? {} : { token: one })).status,
    ),
  )
  expect(statuses).toEqual([401, 401, 200])
})

describe('does not start', () => {
  test.each([
    ['on what is no model', ['/etc/hostname'], 2, 'MODEL_PATH_BAD'],
    ['on what is not there', ['/nowhere/model'], 2, 'MODEL_PATH_BAD'],
    ['on an empty folder', [tmpdir()], 14, 'MODEL_FILE_MISSING|TOKENIZER_MISSING'],
    ['with two models of one name', [DEMO, `${DEMO}/../demo-chat`], 2, 'MODEL_NAME_TAKEN'],
  ])('%s', async (_name, models, exit, code) => {
    const home = await mkdtemp(join(tmpdir(), 'serve-model-'))
    const ended = await xorbit(folder, ['serve', ...models, '--port', '0', '--home', join(home, 'home'), '--json'])
    expect([ended.code, ended.stdout]).toEqual([exit, expect.stringMatching(code)])
    await rm(home, { recursive: true })
  })
})
