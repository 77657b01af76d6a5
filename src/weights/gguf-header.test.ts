import { describe, expect, test } from 'vitest'
import { ggufFile, ggufTensor, listKey, text, textKey, u32, u32Key, u64 } from '../../test/farm/gguf-file.ts'
import { type GgufHeader, parseGgufHeader } from './gguf-header.ts'

const parse = (file: Buffer) => parseGgufHeader(file, file.length) as GgufHeader
const WORDS = listKey('tokenizer.ggml.tokens', 8, 2, Buffer.concat([text('a'), text('bc')]))
const KEYS = [textKey('general.architecture', 'llama'), u32Key('llama.context_length', 4096), WORDS]
const GOOD = ggufFile({ keys: KEYS, tensors: [ggufTensor('w', [32, 2], 8), ggufTensor('b', [4], 0, 96)], data: 112 })

test('reads keys, counts lists, and places tensors', () => {
  const { version, values, tensors } = parse(GOOD)
  expect(version).toBe(3)
  expect(values.get('general.architecture')).toBe('llama')
  expect(values.get('llama.context_length')).toBe(4096)
  expect(values.get('tokenizer.ggml.tokens')).toEqual({ list: 2 })
  const start = GOOD.length - 112
  expect(tensors).toEqual([
    { name: 'w', type: 'Q8_0', shape: [32, 2], elements: 64, start, end: start + 68 },
    { name: 'b', type: 'F32', shape: [4], elements: 4, start: start + 96, end: start + 112 },
  ])
})

test('asks for more bytes until it has the header, and says so at every cut', () => {
  for (let have = 0; have < GOOD.length - 112; have += 3) {
    const header = parseGgufHeader(GOOD.subarray(0, have), GOOD.length)
    if ('needs' in header) expect(header.needs).toBeGreaterThan(have)
    else expect(header.tensors).toHaveLength(2)
  }
})

test('a file cut anywhere is refused with what it needs', () => {
  for (let length = 0; length < GOOD.length; length += 5) {
    expect(() => parse(GOOD.subarray(0, length))).toThrow(expect.objectContaining({ code: 'GGUF_TRUNCATED' }))
  }
})

describe('refuses', () => {
  const HUGE = 2n ** 63n - 1n
  const one = (tensor: Buffer, keys: Buffer[] = []) => ggufFile({ keys, tensors: [tensor], data: 64 })
  const alignment = (value: number) => ggufFile({ keys: [u32Key('general.alignment', value)] })
  const bad = Buffer.from([0xff, 0xfe])
  test.each([
    ['another magic', ggufFile({ magic: 'GGML' }), 'GGUF_MAGIC_BAD'],
    ['version 1', ggufFile({ version: 1 }), 'GGUF_VERSION_UNKNOWN'],
    ['version 9', ggufFile({ version: 9 }), 'GGUF_VERSION_UNKNOWN'],
    ['as many tensors as there are numbers', ggufFile({ tensorCount: HUGE }), 'GGUF_TOO_MANY'],
    ['as many keys', ggufFile({ keyCount: HUGE }), 'GGUF_TOO_MANY'],
    [
      'a text longer than the file',
      ggufFile({ keys: [Buffer.concat([text('k'), u32(8), u64(HUGE)])] }),
      'GGUF_TOO_MANY',
    ],
    ['a list longer than the file', ggufFile({ keys: [listKey('k', 4, 2n ** 40n)] }), 'GGUF_TRUNCATED'],
    ['a list longer than numbers', ggufFile({ keys: [listKey('k', 4, HUGE)] }), 'GGUF_TOO_MANY'],
    ['a list of lists', ggufFile({ keys: [listKey('k', 9, 1)] }), 'GGUF_TYPE_UNKNOWN'],
    ['a value of no type', ggufFile({ keys: [Buffer.concat([text('k'), u32(13)])] }), 'GGUF_TYPE_UNKNOWN'],
    ['a text that is no UTF-8', ggufFile({ keys: [Buffer.concat([text('k'), u32(8), text(bad)])] }), 'GGUF_TEXT_BAD'],
    ['a key twice', ggufFile({ keys: [u32Key('k', 1), u32Key('k', 2)] }), 'GGUF_DUPLICATE'],
    [
      'a tensor twice',
      ggufFile({ tensors: [ggufTensor('a', [1]), ggufTensor('a', [1], 0, 32)], data: 64 }),
      'GGUF_DUPLICATE',
    ],
    ['five dimensions', one(ggufTensor('a', [1, 1, 1, 1, 1])), 'GGUF_SHAPE_BAD'],
    ['a product beyond numbers', one(ggufTensor('a', [2n ** 40n, 2n ** 40n])), 'GGUF_SHAPE_BAD'],
    ['rows that are no whole blocks', one(ggufTensor('a', [33], 8)), 'GGUF_SHAPE_BAD'],
    ['a tensor of no type', one(ggufTensor('a', [1], 99)), 'GGUF_TYPE_UNKNOWN'],
    ['a tensor behind the end', one(ggufTensor('a', [1000])), 'GGUF_TRUNCATED'],
    ['a tensor off its alignment', one(ggufTensor('a', [1], 0, 4)), 'GGUF_OFFSET_BAD'],
    [
      'tensors over each other',
      ggufFile({ tensors: [ggufTensor('a', [9]), ggufTensor('b', [1], 0, 32)], data: 96 }),
      'GGUF_OFFSET_BAD',
    ],
    ['alignment 0', alignment(0), 'GGUF_ALIGNMENT_BAD'],
    ['alignment 3', alignment(3), 'GGUF_ALIGNMENT_BAD'],
    ['alignment 2³¹', alignment(2 ** 31), 'GGUF_ALIGNMENT_BAD'],
  ])('%s', (_name, file, code) => {
    expect(() => parse(file)).toThrow(expect.objectContaining({ kind: 'malformed', code }))
  })
})
