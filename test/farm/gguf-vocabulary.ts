/** GGUF keys of a byte-level vocabulary out of tokenizer.json, as a converter writes them. */
import { readFileSync } from 'node:fs'
import type { GgufValue } from '../../src/engine/llama/gguf-writer.ts'

const CONTROL = 3
const NORMAL = 1
const UNUSED = 5

interface TokenizerJson {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly (string | [string, string])[] }
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[]
}

/** `pre` names the way llama.cpp splits text first; `eos` a token of the vocabulary. */
export function vocabularyKeys(path: string, { pre, eos, size }: { pre: string; eos: string; size: number }) {
  const { model, added_tokens } = JSON.parse(readFileSync(path, 'utf8')) as TokenizerJson
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`)
  const types = new Int32Array(size).fill(UNUSED)
  for (const [text, id] of Object.entries(model.vocab)) {
    tokens[id] = text
    types[id] = NORMAL
  }
  for (const { id, content } of added_tokens) {
    tokens[id] = content
    types[id] = CONTROL
  }
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { text: 'gpt2' }],
    ['tokenizer.ggml.pre', { text: pre }],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ['tokenizer.ggml.merges', { texts: merges }],
    ['tokenizer.ggml.eos_token_id', { u32: tokens.indexOf(eos) }],
    ['tokenizer.ggml.add_bos_token', { bool: false }],
    ['tokenizer.chat_template', { text: '{{ messages }}' }],
  ])
}
