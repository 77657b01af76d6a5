import { readFileSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeTokens, TokenText } from './token-text.ts'
import { TextTokenizer } from './tokenizer.ts'
import { packVocabulary, Vocabulary } from './vocabulary.ts'

const folder = new URL('../../../test/vectors/models/', import.meta.url)

function open(model: string) {
  const read = (name: string) => JSON.parse(readFileSync(new URL(`${model}/${name}`, folder), 'utf8'))
  const [json, config] = [read('tokenizer.json'), read('tokenizer_config.json')]
  const tokenizer = new TextTokenizer(json, config)
  return { tokenizer, vocabulary: new Vocabulary(tokenizer.vocabulary), library: new Tokenizer(json, config) }
}

/** A vocabulary in which token n is the byte n, and 256 a control token. */
const bytes = new Vocabulary(
  packVocabulary(
    [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), new TextEncoder().encode('<eos>')],
    {
      specials: [256],
      stripsFirstSpace: false,
    },
  ),
)

const character = fc.oneof(
  fc.constantFrom('🦉', '👩‍🚀', '🇯🇵', '語', '漢', 'é', 'ß', '\u0301', '\u200d', '\ufeff', '\n', ' ', 'Привет', '‏עברית'),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
)
const text = fc.array(character, { maxLength: 30 }).map((parts) => parts.join(''))

describe.each(['tiny-llama', 'tiny-qwen2', 'tiny-gemma3', 'tiny-mistral'])('%s', (model) => {
  const { tokenizer, vocabulary, library } = open(model)

  test('pieces are whole characters, and joined what the library decodes from all tokens', () => {
    fc.assert(
      fc.property(text, (wanted) => {
        // The library's byte fallback drops a mark of byte order that begins a run of bytes; it belongs to the text.
        fc.pre(!wanted.includes('\ufeff'))
        const tokens = tokenizer.encode(wanted, false)
        const decoder = new TokenText(vocabulary)
        const pieces = [...tokens.map((token) => decoder.push(token)), decoder.end()]
        for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
        const whole = tokens.length === 0 ? '' : library.decode(tokens, { skip_special_tokens: true })
        expect(pieces.join('')).toBe(whole)
      }),
      { numRuns: 300 },
    )
  })

  test('any tokens at all give what the library decodes', () => {
    const tokens = fc.array(fc.nat(vocabulary.size - 1), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(tokens, (some) => {
        const whole = library.decode(some, { skip_special_tokens: true })
        expect(decodeTokens(vocabulary, some)).toBe(whole)
      }),
      { numRuns: 1000 },
    )
  })
})

test('every character comes whole, however its bytes are cut into tokens', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(1000), { maxLength: 8 }), (wanted, controlPlaces) => {
      const tokens = [...new TextEncoder().encode(wanted)]
      for (const place of controlPlaces) tokens.splice(place % (tokens.length + 1), 0, 256)
      const decoder = new TokenText(bytes)
      const pieces = tokens.map((token) => decoder.push(token))
      for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
      expect(pieces.join('')).toBe(wanted)
      expect(decoder.end()).toBe('')
    }),
  )
})

test('bytes that are no text become the replacement character, at once or at the end', () => {
  const decoder = new TokenText(bytes)
  expect(decoder.push(0xff)).toBe('\ufffd')
  expect(decoder.push(0xf0)).toBe('')
  expect(decoder.push(0x9f)).toBe('')
  expect(decoder.push(0x61)).toBe('\ufffda')
  expect(decoder.push(0xc3)).toBe('')
  expect(decoder.end()).toBe('\ufffd')
})

test('control tokens are written out on request, numbers beyond the vocabulary never', () => {
  expect(decodeTokens(bytes, [0x61, 256, 99_999])).toBe('a')
  expect(decodeTokens(bytes, [0x61, 256, 99_999], { withSpecials: true })).toBe('a<eos>')
})

test('the first space of a SentencePiece answer goes, but not where it continues a text', () => {
  const { tokenizer, vocabulary } = open('tiny-mistral')
  const tokens = tokenizer.encode('cat sat', false)
  expect(decodeTokens(vocabulary, tokens)).toBe('cat sat')
  expect(decodeTokens(vocabulary, tokens, { isContinuation: true })).toBe(' cat sat')
})
