import { describe, expect, test } from 'vitest'
import { ggufFile, listKey, text, textKey, u32, u32Key } from '../../test/farm/gguf-file.ts'
import { parseGgufHeader } from './gguf-header.ts'
import { verifyGgufSizes } from './gguf-sizes.ts'
import { VOCABULARY_LISTS, verifyGgufVocabulary } from './gguf-vocabulary.ts'

function headerOf(keys: readonly Buffer[]) {
  const bytes = ggufFile({ keys: [textKey('general.architecture', 'llama'), ...keys] })
  const header = parseGgufHeader(bytes, bytes.length, VOCABULARY_LISTS)
  if ('needs' in header) throw new Error('it is whole')
  return header
}

const tokens = (...list: string[]) => listKey('tokenizer.ggml.tokens', 8, list.length, Buffer.concat(list.map(text)))
const types = (count: number) =>
  listKey('tokenizer.ggml.token_type', 5, count, Buffer.concat(Array.from({ length: count }, () => u32(1))))

describe('a vocabulary', () => {
  test('is fine as converters write it, with several tokens that are empty, or left out', () => {
    for (const keys of [[], [tokens('a', 'b'), types(2)], [tokens('a', '', '', '\0', 'A')]]) {
      verifyGgufVocabulary('a.gguf', headerOf(keys))
    }
  })

  test.each<[string, readonly Buffer[], RegExp]>([
    ['a token twice', [tokens('a', 'b', 'a')], /a\.gguf.*"a" appears twice/],
    ['two that are one in C', [tokens('a', 'a\0b')], /appears twice/],
    ['no tokens', [tokens()], /no texts/],
    ['numbers', [listKey('tokenizer.ggml.tokens', 4, 1, Buffer.concat([u32(7)]))], /no texts/],
    ['a text', [textKey('tokenizer.ggml.tokens', 'a')], /no texts/],
    ['types of others', [tokens('a', 'b'), types(1)], /token_type has 1 entries for 2/],
  ])('with %s is refused', (_name, keys, message) => {
    const refused = { kind: 'malformed', code: 'GGUF_VOCABULARY_BAD', message: expect.stringMatching(message) }
    expect(() => verifyGgufVocabulary('a.gguf', headerOf(keys))).toThrow(expect.objectContaining(refused))
  })
})

describe('sizes', () => {
  test('are fine as models have them', () => {
    const experts = [u32Key('llama.expert_count', 8), u32Key('llama.expert_used_count', 2)]
    for (const keys of [
      [],
      [u32Key('llama.block_count', 512)],
      experts,
      [textKey('llama.rope.scaling.type', 'yarn')],
    ]) {
      verifyGgufSizes('a.gguf', headerOf(keys))
    }
  })

  test.each<[string, readonly Buffer[], RegExp]>([
    ['no layers', [u32Key('llama.block_count', 0)], /llama\.block_count is 0/],
    ['more layers than any', [u32Key('llama.block_count', 513)], /from 1 to 512/],
    ['layers as a text', [textKey('llama.block_count', 'many')], /is many/],
    ['a context as llama.cpp counts it, below zero', [u32Key('llama.context_length', 2 ** 32 - 5)], /context_length/],
    ['more experts than any', [u32Key('llama.expert_count', 1000)], /expert_count/],
    ['experts used that are not there', [u32Key('llama.expert_used_count', 1)], /expert_used_count/],
    ['experts that are not used', [u32Key('llama.expert_count', 4)], /at least 1 of 4/],
    ['an unknown scaling', [textKey('llama.rope.scaling.type', 'spiral')], /rope\.scaling\.type is spiral/],
  ])('with %s are refused', (_name, keys, message) => {
    const refused = { kind: 'malformed', code: 'GGUF_SIZES_BAD', message: expect.stringMatching(message) }
    expect(() => verifyGgufSizes('a.gguf', headerOf(keys))).toThrow(expect.objectContaining(refused))
  })
})
