/** Group L, requests that no model can answer: each is refused in OpenAI's form, and the model goes on. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { assertChatRefused, checkAnswers, DEMO, JAPAN, postChat, say, withModels } from '../models.ts'

type Case = readonly [body: object | string, status?: number, code?: string]

/** Streamed or not, a refusal is the same. */
async function refuseAll(lab: Lab, cases: readonly Case[]): Promise<string> {
  return withModels(lab, [DEMO], async (server) => {
    for (const [body, status = 400, code] of cases) {
      assertChatRefused(await postChat(server, body), status, code)
      if (typeof body === 'object') assertChatRefused(await postChat(server, { ...body, stream: true }), status, code)
    }
    await checkAnswers(server)
    return `${cases.length} requests`
  })
}

const bad = (change: object): Case => [{ ...JAPAN, ...change }]
/** As no JSON library would write it. */
const textual = (field: string): Case => [JSON.stringify(JAPAN).replace('"temperature":0', field)]

export const REQUEST_EXPERIMENTS: Experiments = {
  L3: (lab) =>
    refuseAll(lab, [
      bad({ chat_template: '{{ 1 }}' }),
      bad({ template: '/etc/passwd' }),
      bad({ chat_template_path: '/etc/passwd' }),
      bad({ lora: [{ path: '/tmp/x' }] }),
      bad({ adapters: ['../../x'] }),
      [{ ...JAPAN, model: '/etc/passwd' }, 404, 'model_not_found'],
      [{ ...JAPAN, model: '../demo-chat' }, 404, 'model_not_found'],
      [{ ...JAPAN, model: 'http://127.0.0.1/m' }, 404, 'model_not_found'],
      bad({ grammar: 'file:///etc/passwd' }),
    ]),

  L7: (lab) =>
    refuseAll(lab, [
      [{ ...JAPAN, messages: say('word '.repeat(2_000)) }, 400, 'context_length_exceeded'],
      [{ ...JAPAN, messages: say('x'.repeat(10_000_000)) }, 413],
      bad({ messages: [] }),
      ['{}'],
      ['[]'],
      ['"x"'],
      ['nope'],
      [''],
      ['['.repeat(100_000)],
      bad({ messages: 'hello' }),
      bad({ messages: [7] }),
      bad({ messages: [{ content: 'x' }] }),
      bad({ messages: [{ role: 7, content: 'x' }] }),
      bad({ messages: [{ role: 'user', content: { text: 'x' } }] }),
      bad({ model: 7 }),
      textual('"stream":"yes"'),
      [{ ...JAPAN, model: 'gpt-5' }, 404, 'model_not_found'],
    ]),

  L8: (lab) =>
    refuseAll(lab, [
      bad({ temperature: -1 }),
      bad({ temperature: 1e308 }),
      bad({ temperature: 'hot' }),
      textual('"temperature":NaN'),
      textual('"temperature":1e999'),
      bad({ top_k: 2 ** 31 }),
      bad({ top_k: 1.5 }),
      bad({ top_p: 2 }),
      bad({ n: 1000 }),
      bad({ max_tokens: -5 }),
      bad({ max_tokens: 0 }),
      bad({ max_completion_tokens: 2 ** 53 }),
      textual('"seed":18446744073709551616'),
      bad({ logit_bias: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [i, 1])) }),
      bad({ logit_bias: { 9000: 1 } }),
      bad({ logit_bias: { x: 1 } }),
      bad({ logit_bias: { 5: 1e9 } }),
      bad({ stop: new Array(100_000).fill('x') }),
      bad({ stop: '' }),
      bad({ stop: ['\ud800'] }),
      bad({ top_logprobs: 21, logprobs: true }),
      bad({ frequency_penalty: 1e9 }),
      bad({ repeat_last_n: -2 }),
    ]),

  L16: asksNobody,
}

/** L16: an address in a message is refused, and nobody asks there. */
async function asksNobody(lab: Lab): Promise<void> {
  let asked = 0
  const inside = createServer((_request, reply) => {
    asked++
    reply.end()
  })
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
  const { port } = inside.address() as AddressInfo
  const image = (url: string) => [
    { type: 'text', text: 'x' },
    { type: 'image_url', image_url: { url } },
  ]
  const urls = [`http://127.0.0.1:${port}/`, 'http://169.254.169.254/latest/meta-data', 'file:///etc/passwd', 'data:,x']
  try {
    await refuseAll(
      lab,
      urls.map((url) => bad({ messages: [{ role: 'user', content: image(url) }] })),
    )
  } finally {
    inside.close()
  }
  assert.equal(asked, 0, 'the address was asked')
}
