import { cpSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { goldenPath } from '../../test/vectors/golden-model.ts'
import { ModelDirectory } from './model-directory.ts'
import { TensorFiles } from './tensor-files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xorbit-model-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const copy = (name: string) => cpSync(goldenPath(name), folder, { recursive: true })
const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content)
function refused(code: string, message: RegExp): void {
  const error = expect.objectContaining({ code, message: expect.stringMatching(message) })
  expect(() => new ModelDirectory(folder)).toThrow(error)
}

test('opens shards as one model, and says what stops it', () => {
  copy('tiny-mistral')
  using directory = new ModelDirectory(folder)
  expect(directory.tensors.size).toBe(2 * 9 + 3)
  expect(directory.weightBytes).toBeGreaterThan(390_000)
  expect(directory.stopTokens.length).toBeGreaterThan(0)
})

test('a pointer is refused with the command that fetches the file', () => {
  copy('tiny-llama')
  write('model.safetensors', `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 987912\n`)
  refused('MODEL_FILE_IS_POINTER', /LFS pointer.*git -C .* lfs pull --include model\.safetensors/)
})

test('a pickle is never read', () => {
  copy('tiny-llama')
  rmSync(join(folder, 'model.safetensors'))
  write('pytorch_model.bin', 'PK')
  refused('MODEL_PICKLE_ONLY', /pytorch_model\.bin.*any code/)
})

test('a missing file is named: none, a shard, the directory, a GGUF file beside', () => {
  copy('tiny-mistral')
  rmSync(join(folder, 'model-00002-of-00002.safetensors'))
  refused('MODEL_FILE_MISSING', /model-00002-of-00002\.safetensors is missing/)
  rmSync(join(folder, 'model.safetensors.index.json'))
  refused('MODEL_FILE_MISSING', /has no model\.safetensors/)
  write('small.Q4.gguf', '')
  refused('MODEL_FILE_MISSING', /name its GGUF file instead: small\.Q4\.gguf/)
  expect(() => new ModelDirectory(join(folder, 'x'))).toThrow(expect.objectContaining({ code: 'MODEL_FILE_MISSING' }))
})

test('an index that says other than the shards is refused', () => {
  copy('tiny-mistral')
  const map = { 'model.norm.weight': 'model-00001-of-00002.safetensors', x: 'model-00002-of-00002.safetensors' }
  write('model.safetensors.index.json', JSON.stringify({ weight_map: map }))
  refused('WEIGHTS_INDEX_BAD', /does not hold/)
  cpSync(join(folder, 'model-00001-of-00002.safetensors'), join(folder, 'model-00002-of-00002.safetensors'))
  refused('WEIGHTS_INDEX_BAD', /stands in .* and in/)
})

test('a file cut short is refused by its header', () => {
  copy('tiny-llama')
  truncateSync(join(folder, 'model.safetensors'), 900_000)
  refused('SAFETENSORS_TRUNCATED', /ends at 900000, needs/)
})

test('weights of another model are refused with the first differences', () => {
  copy('tiny-llama')
  cpSync(join(goldenPath('tiny-qwen3'), 'model.safetensors'), join(folder, 'model.safetensors'))
  refused('MODEL_TENSORS_BAD', /q_norm\.weight has no place in a llama model/)
  copy('tiny-llama3')
  cpSync(join(goldenPath('tiny-llama'), 'config.json'), join(folder, 'config.json'))
  refused('MODEL_TENSORS_BAD', /config\.json asks for/)
})

test('a configuration that is too large is not read', () => {
  copy('tiny-llama')
  write('config.json', Buffer.alloc(4 * 1024 * 1024 + 1, 0x20))
  refused('MODEL_FILE_TOO_LARGE', /config\.json has/)
})

test('a tensor that is asked for must be there', () => {
  using files = new TensorFiles([`${goldenPath('tiny-llama')}/model.safetensors`])
  expect(() => files.readFloats('none')).toThrow(expect.objectContaining({ code: 'TENSOR_MISSING' }))
  truncated(files)
})

/** A file that becomes shorter after its header was read. */
function truncated(files: TensorFiles): void {
  copy('tiny-llama')
  using open = new TensorFiles([join(folder, 'model.safetensors')])
  truncateSync(join(folder, 'model.safetensors'), 20_000)
  const last = [...files.tensors.values()].reduce((a, b) => (a.end > b.end ? a : b)).name
  expect(() => open.readFloats(last)).toThrow(expect.objectContaining({ kind: 'damaged', code: 'MODEL_FILE_CHANGED' }))
}
