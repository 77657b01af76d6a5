/** What becomes of a backend that fails, early or late, and of a client that leaves it. The real one: test/e2e. */
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { openChat, readChat } from '../../../../test/farm/chat-client.ts'
import { AppError } from '../../../base/app-error.ts'
import { ManualClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import type { ChatRequest, TextEvent } from '../../../engine/chat-backend.ts'
import { openAiRoutes } from './openai-routes.ts'
import type { OpenAiService } from './openai-service.ts'

type Chat = (request: ChatRequest, signal: AbortSignal) => AsyncGenerator<TextEvent>

let app: FastifyInstance
afterEach(() => app.close())

async function serve(chat: Chat): Promise<string> {
  const backend = { chat, complete: chat } as unknown as ReturnType<OpenAiService['models']['get']>['backend']
  const model = { name: 'm', backend, sinceMs: 0 }
  const accounts = { listUsers: () => [] } as unknown as OpenAiService['accounts']
  app = Fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  const service = { models: { list: () => [model], get: () => model }, accounts, clock: new ManualClock(0) }
  app.register(async (scope) => openAiRoutes(scope, { ...service, log: silentLog }), { prefix: '/v1' })
  return app.listen({ host: '127.0.0.1', port: 0 })
}

const ASKED = { model: 'm', messages: [{ role: 'user', content: 'x' }] }
const DONE = {
  ...{ type: 'done' as const, stopString: null, promptTokens: 3, cachedTokens: 0, outputTokens: 1 },
  ...{ queueMs: 0, prefillMs: 0, decodeMs: 0 },
}
const nan = () => new AppError('malformed', 'ENGINE_NAN', 'The model computed no numbers')
const piece = (text: string): TextEvent => ({ type: 'text', text })

async function statusAndBody(origin: string, body: object): Promise<[number, unknown, unknown]> {
  const answer = await fetch(`${origin}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) })
  return [answer.status, await answer.json(), answer.headers.get('retry-after')]
}

test('what fails before the first token is an answer with its status, streamed or not', async () => {
  const full = new AppError('rate-limited', 'QUEUE_FULL', 'wait', { data: { retryAfterMs: 2100 } })
  const origin = await serve(async function* () {
    yield* []
    throw full
  })
  const error = { message: 'wait', type: 'rate_limit_error', param: null, code: 'queue_full' }
  for (const stream of [true, false]) {
    expect(await statusAndBody(origin, { ...ASKED, stream })).toEqual([429, { error }, '3'])
  }
})

test('what fails later is an error event, after which nothing comes', async () => {
  const origin = await serve(async function* () {
    yield piece('half ')
    throw nan()
  })
  const { text, finish, last } = await readChat(await openChat(origin, { ...ASKED, stream: true }))
  expect([text, finish, last.event]).toEqual(['half ', null, 'error'])
  const error = {
    message: 'The model computed no numbers',
    type: 'server_error',
    param: null,
    code: 'engine_nan',
  }
  expect(JSON.parse(last.data)).toEqual({ error })
  expect((await statusAndBody(origin, ASKED))[0]).toBe(500)
})

test('a bug is told as one, without its words', async () => {
  const origin = await serve(async function* () {
    yield piece('x')
    throw new Error('secret path')
  })
  const { last } = await readChat(await openChat(origin, { ...ASKED, stream: true }))
  expect(JSON.parse(last.data)).toEqual({
    error: { message: 'Internal error', type: 'server_error', param: null, code: 'bug' },
  })
})

test.each([0, 2])('a client that leaves after %d tokens ends its request', async (tokens) => {
  const left = Promise.withResolvers<string>()
  const asked = Promise.withResolvers<void>()
  const origin = await serve(async function* (_request, signal) {
    signal.addEventListener('abort', () => left.resolve('aborted'))
    asked.resolve()
    for (let i = 0; i < tokens; i++) yield piece('x')
    await left.promise
    yield { ...DONE, reason: 'abort' }
  })
  if (tokens === 0) {
    const gone = new AbortController()
    const answer = fetch(`${origin}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(ASKED),
      signal: gone.signal,
    })
    await asked.promise
    gone.abort()
    await expect(answer).rejects.toThrow()
  } else {
    const stream = await openChat(origin, { ...ASKED, stream: true })
    for await (const { data } of stream) if (data.includes('"x"')) break
    stream.leave()
  }
  expect(await left.promise).toBe('aborted')
})

test('what a request does not say is not said to the model', async () => {
  const asked: ChatRequest[] = []
  const origin = await serve(async function* (request) {
    asked.push(request)
    yield { ...DONE, reason: 'stop' }
  })
  await statusAndBody(origin, { ...ASKED, user: 'me', store: true, top_p: null, tools: [] })
  const named = { max_completion_tokens: 7, max_tokens: 9, stop: 'a', top_k: 5, repeat_last_n: -1, seed: 3 }
  await statusAndBody(origin, { ...ASKED, ...named, temperature: 0, logit_bias: { 12: -100 } })
  expect(asked).toEqual([
    { messages: ASKED.messages, adapters: [], sampling: { temperature: 1 } },
    {
      ...{ messages: ASKED.messages, adapters: [], tokenCountMax: 7, stop: ['a'] },
      sampling: { temperature: 0, topK: 5, repeatWindowTokens: -1, seed: 3, logitBias: new Map([[12, -100]]) },
    },
  ])
})
