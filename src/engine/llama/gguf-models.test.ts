/** GGUF files: made from the golden models as llama.cpp's own converter makes them, then mapped and run. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ggufFile, ggufTensor, textKey } from '../../../test/farm/gguf-file.ts'
import { partName, writeSplitGguf } from '../../../test/farm/gguf-model.ts'
import { vocabularyKeys } from '../../../test/farm/gguf-vocabulary.ts'
import * as golden from '../../../test/vectors/golden-model.ts'
import { ModelDirectory } from '../model-directory.ts'
import type { ModelOptions } from '../token-engine.ts'
import { type GgufValue, writeGguf } from './gguf-writer.ts'
import { LlamaEngine } from './llama-engine.ts'
import { planModel } from './plan-model.ts'

const EXACT: ModelOptions = { kvType: 'f32', contextTokens: 512, threadCount: 1 }
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xorbit-gguf-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const load = (path: string, options = EXACT) => new LlamaEngine().load({ kind: 'gguf', path, dtype: 'keep' }, options)

/** Writes a golden model as GGUF in float32. */
function convert(name: string, { more = new Map<string, GgufValue>() } = {}): string {
  using directory = new ModelDirectory(golden.goldenPath(name))
  const { values, tensors } = planModel(directory, 'f32')
  for (const [key, value] of more) values.set(key, value)
  writeGguf(join(folder, 'model.gguf'), values, tensors)
  return join(folder, 'model.gguf')
}

describe.each(golden.FAMILIES)('%s', (name) => {
  test("each tensor is bit for bit that of llama.cpp's converter", () => {
    const path = `${golden.goldenPath(name)}/golden/gguf_f32.json`
    const wanted = JSON.parse(readFileSync(path, 'utf8')).tensors as Record<string, [string, number[], string]>
    using directory = new ModelDirectory(golden.goldenPath(name))
    const { tensors } = planModel(directory, 'f32')
    // The last bit of the factors depends on the order of a division.
    const made = tensors.filter((tensor) => tensor.name !== 'rope_freqs.weight')
    const hashes = made.map((tensor) => {
      const sha256 = createHash('sha256').update(tensor.read()).digest('hex')
      return [tensor.name, [tensor.type, tensor.shape.toReversed(), sha256]]
    })
    const { 'rope_freqs.weight': _, ...rest } = wanted
    expect(Object.fromEntries(hashes)).toEqual(rest)
  })
})

test('a GGUF file is mapped, runs as the directory does, and takes the same adapters', async () => {
  await using model = await load(convert('tiny-llama'))
  expect(readFileSync('/proc/self/maps', 'utf8')).toContain(join(folder, 'model.gguf'))
  const adapter = { id: 'a', path: `${golden.goldenPath('tiny-llama')}/adapters/00_a` }
  await model.attachAdapter(adapter)
  const tokens = golden.goldenPrompts('tiny-llama')[0]?.ids ?? []
  const [rows] = await model.decode([{ slot: 0, tokens, adapters: [{ id: 'a', weight: 1 }], logits: 'all' }])
  const want = golden.goldenNumbers('tiny-llama', 'adapter_logits').get('a_0')
  expect(golden.worstDifference(rows as Float32Array, want)).toBeLessThan(3e-5)
})

test('a model in several files is one model; a part that is missing or another is named', async () => {
  const path = writeSplitGguf(golden.goldenPath('tiny-qwen2'), folder, 3, { pre: 'qwen2' })
  {
    await using model = await load(path)
    const tokens = golden.goldenPrompts('tiny-qwen2')[0]?.ids ?? []
    const [rows] = await model.decode([{ slot: 0, tokens, adapters: [], logits: 'all' }])
    const want = golden.goldenNumbers('tiny-qwen2', 'logits').get('logits_0')
    expect(golden.worstDifference(rows as Float32Array, want)).toBeLessThan(3e-5)
  }
  renameSync(join(folder, partName(1, 3)), join(folder, 'aside'))
  const missing = { code: 'MODEL_FILE_MISSING', message: expect.stringContaining(partName(1, 3)) }
  await expect(load(path)).rejects.toMatchObject(missing)
  writeFileSync(join(folder, partName(1, 3)), readFileSync(join(folder, partName(2, 3))))
  const swapped = { code: 'GGUF_SPLIT_BAD', message: expect.stringContaining(partName(1, 3)) }
  await expect(load(path)).rejects.toMatchObject(swapped)
})

test('the vocabulary inside tokenizes, gives its pieces, and says what ends a turn', async () => {
  const more = vocabularyKeys(golden.goldenPath('demo-chat'), { pre: 'qwen2', size: 768 })
  await using model = await load(convert('demo-chat', { more }))
  expect(model.caps().vocabulary).toBe(true)
  expect(model.info.stopTokens).toContain(763)
  const pieces = await model.pieces()
  const [{ prompt, answer }] = golden.goldenChats() as [golden.GoldenChat]
  const textOf = (ids: ArrayLike<number>) =>
    Buffer.concat(Array.from(ids, (id) => pieces[id] ?? Buffer.of())).toString()
  expect(textOf(answer)).toBe('Hello! How can I help you today?')
  const ids = await model.tokenize('Hello! How can I help you today?', { special: false, addBos: false })
  expect([...ids]).toEqual(answer.slice(0, -1))
  const withSpecial = await model.tokenize('<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n', {
    special: true,
    addBos: false,
  })
  expect([...withSpecial]).toEqual(prompt)
})

describe('refuses before native code sees it', () => {
  const write = (bytes: Uint8Array) => {
    writeFileSync(join(folder, 'bad.gguf'), bytes)
    return join(folder, 'bad.gguf')
  }
  test.each([
    ['what is no GGUF', Buffer.from('PK\x03\x04 and more'), 'GGUF_MAGIC_BAD'],
    ['a tensor behind the end', ggufFile({ tensors: [ggufTensor('a', [1000])], data: 32 }), 'GGUF_TRUNCATED'],
    ['a pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), 'MODEL_FILE_IS_POINTER'],
    ['BitNet', ggufFile({ keys: [textKey('general.architecture', 'bitnet-b1.58')] }), 'GGUF_UNSUPPORTED'],
  ])('%s', async (_, bytes, code) => {
    await expect(load(write(bytes))).rejects.toMatchObject({ code })
  })

  test('a header that would go on for ever', async () => {
    const list = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0x6b, 9, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(8)])
    list.writeBigUInt64LE(400_000_000n, list.length - 8)
    const path = write(ggufFile({ keys: [list] }))
    truncateSync(path, 500_000_000)
    await expect(load(path)).rejects.toMatchObject({ code: 'MODEL_FILE_TOO_LARGE' })
  })
})

test('an architecture that llama.cpp does not know is named, what it refuses is said in its words', async () => {
  const write = (architecture: string) => {
    rmSync(join(folder, 'model.gguf'), { force: true })
    writeFileSync(join(folder, 'model.gguf'), ggufFile({ keys: [textKey('general.architecture', architecture)] }))
    return load(join(folder, 'model.gguf'))
  }
  const unknown = { code: 'MODEL_ARCHITECTURE_UNSUPPORTED', message: expect.stringContaining('mimo-x') }
  await expect(write('mimo-x')).rejects.toMatchObject(unknown)
  const empty = { code: 'ENGINE_LOAD_FAILED', message: expect.stringContaining('llama.context_length') }
  await expect(write('llama')).rejects.toMatchObject(empty)
})

test('a GGUF file is run in its own types', async () => {
  const asked = new LlamaEngine().load({ kind: 'gguf', path: convert('tiny-llama'), dtype: 'f32' }, EXACT)
  await expect(asked).rejects.toMatchObject({ code: 'ENGINE_WEIGHTS_UNSUPPORTED' })
})
