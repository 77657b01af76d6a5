/** The golden texts, tokens and chats of seven tokenizers again, out of GGUF keys; and what is refused. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ggufFile, listKey, text, textKey, u32 } from '../../../test/farm/gguf-file.ts'
import { vocabularyKeys } from '../../../test/farm/gguf-vocabulary.ts'
import { goldenPath } from '../../../test/vectors/golden-model.ts'
import { type GgufHeader, parseGgufHeader } from '../../weights/gguf-header.ts'
import { encodeGgufHeader } from '../llama/gguf-writer.ts'
import { ggufTokenizer, TOKENIZER_LISTS } from './gguf-tokenizer.ts'
import { decodeTokens } from './token-text.ts'
import { TextTokenizer } from './tokenizer.ts'
import { Vocabulary } from './vocabulary.ts'

const PRE = {
  ...{ 'tiny-llama': 'llama-bpe', 'tiny-llama3': 'llama-bpe', 'tiny-qwen2': 'qwen2', 'tiny-qwen3': 'qwen2' },
  ...{ 'demo-chat': 'qwen2', 'tiny-gemma3': '', 'tiny-mistral': '' },
}

interface Golden {
  readonly tokenize?: { text: string; ids: number[]; ids_no_special: number[]; decoded: string }[]
  readonly chat: { text?: string; ids?: number[]; greedy_ids?: number[]; greedy_text?: string }[]
}

function parse(bytes: Uint8Array): GgufHeader {
  const header = parseGgufHeader(bytes, bytes.length, TOKENIZER_LISTS)
  if ('needs' in header) throw new Error('it is whole')
  return header
}

describe.each(Object.entries(PRE))('%s', (model, pre) => {
  const { values } = parse(encodeGgufHeader(vocabularyKeys(goldenPath(model), { pre, size: 768 }), []))
  const tokenizer = new TextTokenizer(ggufTokenizer(values), {})
  const vocabulary = new Vocabulary(tokenizer.vocabulary)
  const golden = JSON.parse(readFileSync(`${goldenPath(model)}/golden/golden.json`, 'utf8')) as Golden

  test.each(golden.tokenize ?? [])('$text', ({ text: input, ids, ids_no_special, decoded }) => {
    expect(tokenizer.encode(input, true)).toEqual(ids)
    expect(tokenizer.encode(input, false)).toEqual(ids_no_special)
    expect(decodeTokens(vocabulary, ids_no_special, { withSpecials: true })).toBe(decoded)
  })

  test.each(golden.chat)('chat %#', (chat) => {
    if (chat.text !== undefined) expect(tokenizer.encode(chat.text, false)).toEqual(chat.ids)
    else expect(decodeTokens(vocabulary, chat.greedy_ids ?? [])).toBe(chat.greedy_text)
  })
})

const texts = (key: string, list: readonly string[]) => listKey(key, 8, list.length, Buffer.concat(list.map(text)))
const numbers = (key: string, list: readonly number[]) => listKey(key, 4, list.length, Buffer.concat(list.map(u32)))
const TOKENS = texts('tokenizer.ggml.tokens', ['a', 'b'])
const GPT2 = [textKey('tokenizer.ggml.model', 'gpt2'), TOKENS]
const QWEN = [...GPT2, textKey('tokenizer.ggml.pre', 'qwen2')]

const of = (keys: readonly Buffer[]) => () => ggufTokenizer(parse(ggufFile({ keys })).values)

test.each<[string, readonly Buffer[], RegExp]>([
  ['a kind that is not done here', [textKey('tokenizer.ggml.model', 'bert'), TOKENS], /"bert".*tokenizer\.json/],
  ['no kind', [TOKENS], /kind ""/],
  ['a cut without a name', [...GPT2, texts('tokenizer.ggml.merges', [])], /cut as ""/],
  ['a cut that is not known', [...GPT2, textKey('tokenizer.ggml.pre', 'viking')], /cut as "viking"/],
])('%s is named', (_name, keys, message) => {
  const refused = { kind: 'unsupported', code: 'TOKENIZER_UNSUPPORTED', message: expect.stringMatching(message) }
  expect(of(keys)).toThrow(expect.objectContaining(refused))
})

test.each<[string, readonly Buffer[]]>([
  ['no tokens', [textKey('tokenizer.ggml.model', 'gpt2')]],
  ['an empty vocabulary', [textKey('tokenizer.ggml.model', 'gpt2'), texts('tokenizer.ggml.tokens', [])]],
  ['tokens that are numbers', [textKey('tokenizer.ggml.model', 'gpt2'), numbers('tokenizer.ggml.tokens', [1])]],
  ['types of other tokens', [...QWEN, numbers('tokenizer.ggml.token_type', [1])]],
  ['no merges', QWEN],
  ['a merge of one', [...QWEN, texts('tokenizer.ggml.merges', ['ab'])]],
  ['no scores', [textKey('tokenizer.ggml.model', 'llama'), TOKENS]],
])('%s is broken', (_name, keys) => {
  expect(of(keys)).toThrow(expect.objectContaining({ kind: 'malformed', code: 'TOKENIZER_BAD' }))
})

test('a mark of byte order is a token like others, and so are names of properties', () => {
  const odd = ['\ufeff', '__proto__', 'constructor', 'a']
  const keys = [textKey('tokenizer.ggml.model', 'gpt2'), textKey('tokenizer.ggml.pre', 'llama-bpe')]
  const made = of([...keys, texts('tokenizer.ggml.tokens', odd), texts('tokenizer.ggml.merges', [])])()
  const { vocab } = made.model as { vocab: object }
  expect(Object.entries(vocab)).toEqual(odd.map((token, id) => [token, id]))
})
