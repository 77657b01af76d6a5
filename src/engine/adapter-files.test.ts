import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { goldenPath } from '../../test/vectors/golden-model.ts'
import { readAdapter } from './adapter-files.ts'
import { ModelDirectory } from './model-directory.ts'
import { linearShapes } from './model-tensors.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xorbit-adapter-'))
  cpSync(join(goldenPath('tiny-llama'), 'adapters/00_a'), folder, { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

function baseOf(name: string, commit: string | null = null) {
  using directory = new ModelDirectory(goldenPath(name))
  const shapes = linearShapes(directory.config)
  const shapeOf = (module: string) => shapes.get(module.replace(/^model\.layers\.\d+\./, '')) ?? null
  return { shapeOf, commit }
}
const LLAMA = baseOf('tiny-llama')
const WEIGHTS = 'adapter_model.safetensors'

function refused(code: string, message: RegExp, base = LLAMA): void {
  const error = expect.objectContaining({ code, message: expect.stringMatching(message) })
  expect(() => readAdapter(folder, base)).toThrow(error)
}

/** Changes the header's text; the new one is as long. */
function editHeader(edit: (json: string) => string): void {
  const file = readFileSync(join(folder, WEIGHTS))
  const length = Number(file.readBigUInt64LE())
  const json = edit(file.subarray(8, 8 + length).toString()).padEnd(length)
  writeFileSync(
    join(folder, WEIGHTS),
    Buffer.concat([file.subarray(0, 8), Buffer.from(json), file.subarray(8 + length)]),
  )
}

function setConfig(change: object): void {
  const path = join(folder, 'adapter_config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
}

test('reads pairs by module, from a directory or from a file with its configuration beside it', () => {
  const adapter = readAdapter(folder, LLAMA)
  expect(adapter.size).toBe(3 * 7)
  expect(adapter.get('model.layers.2.mlp.down_proj')).toMatchObject({ rank: 8, scale: 2 })
  cpSync(join(folder, WEIGHTS), join(folder, '00_a.safetensors'))
  cpSync(join(folder, 'adapter_config.json'), join(folder, '00_a.config.json'))
  expect(readAdapter(join(folder, '00_a.safetensors'), LLAMA)).toEqual(adapter)
})

test('names the first differences from another base', () => {
  refused('ADAPTER_MISMATCH', /does not fit \(\d+ times\).*the model asks for/, baseOf('tiny-qwen3'))
})

test('an adapter of another commit of the base is refused, one that records none is not', () => {
  setConfig({ base_model_commit: 'abc' })
  refused('ADAPTER_MISMATCH', /commit abc, loaded is def/, baseOf('tiny-llama', 'def'))
  expect(readAdapter(folder, LLAMA).size).toBe(21)
})

test.each([
  ['half of a pair', (json: string) => json.replace('q_proj.lora_A', 'x_proj.lora_A'), /only one half/],
  ['a module that no layer has', (json: string) => json.replaceAll('q_proj', 'x_proj'), /is no linear module/],
  ['other tensors', (json: string) => json.replace('lora_A', 'lora_E'), /is no LoRA tensor/],
  ['no floats', (json: string) => json.replace('"F32"', '"I32"'), /is of type I32/],
])('refuses %s', (_, edit, message) => {
  editHeader(edit)
  refused('ADAPTER_MISMATCH', message)
})

test('refuses a rank other than its configuration says', () => {
  setConfig({ r: 4 })
  refused('ADAPTER_MISMATCH', /lora_A\.weight is \[8,64\], the model asks for \[4,64\]/)
})

test('refuses numbers that are not finite', () => {
  const file = readFileSync(join(folder, WEIGHTS))
  file.writeFloatLE(Number.NaN, file.length - 4)
  writeFileSync(join(folder, WEIGHTS), file)
  refused('ADAPTER_MISMATCH', /not finite/)
})

test('refuses an adapter without tensors, and one that is a pickle', () => {
  writeFileSync(join(folder, WEIGHTS), Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]))
  refused('ADAPTER_MISMATCH', /holds no LoRA tensor/)
  rmSync(join(folder, WEIGHTS))
  writeFileSync(join(folder, 'adapter_model.bin'), 'PK')
  refused('MODEL_PICKLE_ONLY', /pickle/)
})
