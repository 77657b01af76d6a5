import { expect, test } from 'vitest'
import { SAFETENSORS_HEADER_BYTES_MAX, TENSOR_COUNT_MAX } from './header-limits.ts'
import { parseHeaderLength, parseSafetensorsHeader } from './safetensors-header.ts'

function parse(file: Uint8Array) {
  const length = parseHeaderLength(file.subarray(0, 8), file.length)
  return parseSafetensorsHeader(file.subarray(8, 8 + length), file.length)
}

function fileOf(json: string | Buffer, data = 8): Uint8Array {
  const text = Buffer.from(json)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([prefix, text, Buffer.alloc(data)])
}

const tensor = (fields: string) => `{"a":{${fields}}}`
const one = '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'

test('reads tensors and metadata, with places counted from the start of the file', () => {
  const json = `{"__metadata__":{"format":"pt"},${one},"b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}`
  const { tensors, metadata } = parse(fileOf(json, 10))
  expect(metadata).toEqual({ format: 'pt' })
  const start = 8 + json.length
  expect(tensors.get('a')).toEqual({ name: 'a', dtype: 'F32', shape: [2], start, end: start + 8 })
  expect(tensors.get('b')?.end).toBe(start + 10)
})

test.each([
  ['a key twice', `{${one},${one}}`, 8, 'SAFETENSORS_DUPLICATE_KEY'],
  ['a key twice, once escaped', `{${one},"\\u0061":{}}`, 8, 'SAFETENSORS_DUPLICATE_KEY'],
  ['a hole', tensor('"dtype":"F32","shape":[1],"data_offsets":[4,8]'), 8, 'SAFETENSORS_HOLE_OR_OVERLAP'],
  ['an overlap', `{${one},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8, 'SAFETENSORS_HOLE_OR_OVERLAP'],
  ['a file too short', `{${one}}`, 7, 'SAFETENSORS_TRUNCATED'],
  ['bytes behind the last tensor', `{${one}}`, 9, 'SAFETENSORS_TRAILING_BYTES'],
  [
    'a size other than the shape',
    tensor('"dtype":"F32","shape":[3],"data_offsets":[0,8]'),
    8,
    'SAFETENSORS_SIZE_MISMATCH',
  ],
  ['an unknown type', tensor('"dtype":"toString","shape":[3],"data_offsets":[0,8]'), 8, 'SAFETENSORS_DTYPE_UNKNOWN'],
  ['a negative dimension', tensor('"dtype":"F32","shape":[-2],"data_offsets":[0,8]'), 8, 'SAFETENSORS_SHAPE_BAD'],
  [
    'nine dimensions',
    tensor('"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]'),
    8,
    'SAFETENSORS_SHAPE_BAD',
  ],
  [
    'a product beyond numbers',
    tensor('"dtype":"F32","shape":[9007199254740991,9],"data_offsets":[0,8]'),
    8,
    'SAFETENSORS_SIZE_MISMATCH',
  ],
  ['one offset', tensor('"dtype":"F32","shape":[2],"data_offsets":[8]'), 8, 'SAFETENSORS_OFFSETS_BAD'],
  ['a list', '[]', 0, 'SAFETENSORS_HEADER_NOT_JSON'],
  ['text that is no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 0, 'SAFETENSORS_HEADER_NOT_JSON'],
  ['metadata that is no text', '{"__metadata__":{"a":1}}', 0, 'SAFETENSORS_METADATA_BAD'],
])('refuses %s', (_, json, data, code) => {
  expect(() => parse(fileOf(json, data))).toThrow(expect.objectContaining({ kind: 'malformed', code }))
})

test('refuses a header that claims more than the file or the limit, and more tensors than any model has', () => {
  const prefix = (length: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(length)
    return bytes
  }
  const refused = (code: string) => expect.objectContaining({ code })
  expect(() => parseHeaderLength(prefix(100n), 50)).toThrow(refused('SAFETENSORS_TRUNCATED'))
  expect(() => parseHeaderLength(Buffer.alloc(3), 3)).toThrow(refused('SAFETENSORS_TRUNCATED'))
  const tooLong = BigInt(SAFETENSORS_HEADER_BYTES_MAX) + 1n
  expect(() => parseHeaderLength(prefix(tooLong), 1e12)).toThrow(refused('SAFETENSORS_HEADER_TOO_LONG'))
  expect(() => parseHeaderLength(prefix(2n ** 64n - 1n), 1e12)).toThrow(refused('SAFETENSORS_HEADER_TOO_LONG'))
  const many = Array.from({ length: TENSOR_COUNT_MAX + 2 }, (_, i) => `"${i}":0`).join(',')
  expect(() => parse(fileOf(`{${many}}`))).toThrow(refused('SAFETENSORS_TOO_MANY_TENSORS'))
})
