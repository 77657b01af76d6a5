/** The tokens of a GGUF file are those that llama.cpp makes of it: each way to cut a text, on texts of all kinds. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeGgufModel } from '../../../test/farm/gguf-model.ts'
import { goldenPath } from '../../../test/vectors/golden-model.ts'
import { readGgufTextFiles } from '../text/gguf-text-files.ts'
import { TextTokenizer } from '../text/tokenizer.ts'
import { LlamaEngine } from './llama-engine.ts'

/** Composed characters only: llama.cpp composes nothing, the models' own tokenizers do. */
const TEXTS = [
  ...['Hello, world!', "I'm here; you'LL see, they'd've", 'ABC aBc Abc aBC ABc', 'camelCaseWordsAndHTMLParser'],
  ...['1', '12', '123', '1234', '12345 67890', '3.14159e-10', 'a1b22c333', '٣٤٥ ½ Ⅷ'],
  ...['  two  spaces   ', '\n\n\n', 'a\n\n b\r\n\tc', ' \n ', '\t\t x', 'end ', ' '],
  ...['!!!...???', '--- // /* */ ###\n##', '$100 + €5 = £?', 'foo(bar)[baz]{qux}', 'https://a.b/c?d=e&f#g'],
  ...['Привет, мир', '你好世界', 'こんにちは', 'مرحبا', 'नमस्ते', 'ǅungla ʰ ª', 'naïve façade Ünï', '😀👍🏽👩‍👩‍👧'],
  ...['\u00a0nbsp\u2003em', '<|im_start|>user', 'The sky is blue.', ''],
]

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xorbit-gguf-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function write(model: string, pre: string): string {
  const path = join(folder, `${model}-${pre}.gguf`)
  writeGgufModel(goldenPath(model), path, { pre })
  return path
}

test.each([
  ...['llama-bpe', 'llama3', 'llama-v3', 'tekken'].map((pre) => ['tiny-llama3', pre] as const),
  ...['qwen2', 'deepseek-r1-qwen', 'gpt-2', 'smollm'].map((pre) => ['tiny-qwen2', pre] as const),
  ['tiny-gemma3', 'default'] as const,
  ['tiny-mistral', 'default'] as const,
])('%s cut as %s', async (model, pre) => {
  const path = write(model, pre)
  const ours = new TextTokenizer(readGgufTextFiles(path).tokenizer, {})
  await using theirs = await new LlamaEngine().load({ kind: 'gguf', path, dtype: 'keep' }, { threadCount: 1 })
  const different = []
  for (const text of TEXTS) {
    const tokens = ours.encode(text, false)
    const wanted = Array.from(await theirs.tokenize(text, { special: true, addBos: false }))
    if (`${tokens}` !== `${wanted}`) different.push({ text, tokens: `${tokens}`, wanted: `${wanted}` })
  }
  expect(different).toEqual([])
})
