/** The golden texts, tokens and chats of seven tokenizers, made by the Python library. */
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { ChatTemplate } from './chat-template.ts'
import { decodeTokens } from './token-text.ts'
import { TextTokenizer } from './tokenizer.ts'
import { createTokenDecoder } from './tokenizer-decoder.ts'
import { Vocabulary } from './vocabulary.ts'

const MODELS = ['tiny-llama', 'tiny-llama3', 'tiny-qwen2', 'tiny-qwen3', 'tiny-gemma3', 'tiny-mistral'] as const
const folder = new URL('../../../test/vectors/models/', import.meta.url)

interface Golden {
  readonly tokenize: { text: string; ids: number[]; ids_no_special: number[]; decoded: string }[]
  readonly chat: { messages: unknown[]; text: string; ids: number[] }[]
}

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(path, folder), 'utf8'))
}

async function open(model: string) {
  const config = (await json(`${model}/tokenizer_config.json`)) as Record<string, string>
  const tokenizer = new TextTokenizer(await json(`${model}/tokenizer.json`), config)
  return { config, tokenizer, vocabulary: new Vocabulary(tokenizer.vocabulary) }
}

describe.each(MODELS)('%s', async (model) => {
  const { config, tokenizer, vocabulary } = await open(model)
  const golden = (await json(`${model}/golden/golden.json`)) as Golden

  test('there are texts and chats to compare', () => {
    expect([golden.tokenize.length, golden.chat.length]).toEqual([18, 7])
  })

  test.each(golden.tokenize)('$text', ({ text, ids, ids_no_special, decoded }) => {
    expect(tokenizer.encode(text, true)).toEqual(ids)
    expect(tokenizer.encode(text, false)).toEqual(ids_no_special)
    expect(decodeTokens(vocabulary, ids_no_special, { withSpecials: true })).toBe(decoded)
  })

  test.each(golden.chat)('chat %#', ({ messages, text, ids }) => {
    const variables = { ...config, messages, add_generation_prompt: true }
    const rendered = new ChatTemplate(config.chat_template as string).render(variables, 0)
    expect(rendered).toBe(text)
    expect(tokenizer.encode(rendered, false)).toEqual(ids)
  })
})

test('demo-chat reads its golden answers', async () => {
  const { vocabulary } = await open('demo-chat')
  const { chat } = (await json('demo-chat/golden/golden.json')) as {
    chat: { greedy_ids: number[]; greedy_text: string }[]
  }
  expect(chat).toHaveLength(9)
  for (const { greedy_ids, greedy_text } of chat) expect(decodeTokens(vocabulary, greedy_ids)).toBe(greedy_text)
})

test('half of a character in a text is the replacement character', async () => {
  const { tokenizer } = await open('tiny-llama')
  expect(tokenizer.encode('a\ud83d', false)).toEqual(tokenizer.encode('a\ufffd', false))
})

describe('refuses', () => {
  test.each<[string, unknown]>([
    ['no model', { added_tokens: [] }],
    [
      'a number beyond all vocabularies',
      { added_tokens: [], model: { type: 'BPE', vocab: { a: 2 ** 31 }, merges: [] } },
    ],
    ['an added token without a number', { added_tokens: [{ content: 'x' }], model: { vocab: {} } }],
    [
      'more merges than any has',
      { added_tokens: [], model: { type: 'BPE', vocab: {}, merges: new Array(2 ** 21 + 1) } },
    ],
    ['a kind of model that is not known', { added_tokens: [], model: { type: 'Magic', vocab: {} } }],
  ])('%s', (_name, tokenizer) => {
    expect(() => new TextTokenizer(tokenizer, {})).toThrow(
      expect.objectContaining({ kind: 'malformed', code: 'TOKENIZER_BAD' }),
    )
  })

  test.each([
    null,
    { type: 'WordPiece', prefix: '##' },
    { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { Regex: '(a+)+' }, content: '' }] },
    { type: 'Sequence', decoders: [{ type: 'Strip', content: 'x', start: 3, stop: 0 }] },
    { type: 'Sequence', decoders: 7 },
  ])('the decoder %j', (decoder) => {
    expect(() => createTokenDecoder(decoder)).toThrow(
      expect.objectContaining({ kind: 'unsupported', code: 'TOKENIZER_UNSUPPORTED' }),
    )
  })
})
