import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseShardIndex } from './shard-index.ts'

const parse = (map: unknown) => parseShardIndex(Buffer.from(JSON.stringify({ weight_map: map })))

test('names the files once each, and the file of each tensor', () => {
  const { files, fileOf } = parseShardIndex(
    readFileSync('test/vectors/models/tiny-mistral/model.safetensors.index.json'),
  )
  expect(files).toEqual(['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'])
  expect(files).toContain(fileOf.get('lm_head.weight'))
})

test.each([
  ['a path upwards', { a: '../model.safetensors' }],
  ['an absolute path', { a: '/etc/model.safetensors' }],
  ['a folder', { a: 'x/model.safetensors' }],
  ['a folder with the other slash', { a: 'x\\model.safetensors' }],
  ['a pickle', { a: 'pytorch_model.bin' }],
  ['a zero byte', { a: 'a\0.safetensors' }],
  ['a number', { a: 3 }],
  ['nothing', {}],
  ['no map', undefined],
  ['a list', []],
])('refuses an index that names %s', (_, map) => {
  expect(() => parse(map)).toThrow(expect.objectContaining({ kind: 'malformed', code: 'WEIGHTS_INDEX_BAD' }))
})
