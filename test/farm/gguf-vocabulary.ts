/** GGUF keys of a tokenizer and its chat template out of a model's directory, as a converter writes them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GgufValue } from '../../src/engine/llama/gguf-writer.ts'

const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6]
const WORST_SCORE = -10_000

interface TokenizerJson {
  readonly model: {
    readonly byte_fallback?: boolean
    readonly unk_token?: string | null
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (string | readonly [string, string])[]
  }
  readonly normalizer: unknown
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[]
}

/** `pre` names the way byte-level text is cut first; `size` is the model's, with rows that are no token. */
export function vocabularyKeys(directory: string, { pre, size }: { pre: string; size: number }) {
  const json = JSON.parse(readFileSync(join(directory, 'tokenizer.json'), 'utf8')) as TokenizerJson
  const config = JSON.parse(readFileSync(join(directory, 'tokenizer_config.json'), 'utf8')) as Record<string, string>
  const isSentencePiece = json.model.byte_fallback === true
  const { tokens, types } = listTokens(json, size)
  const ids = Object.entries({ bos: 'bos', eos: 'eos', unknown: 'unk', padding: 'pad' }).flatMap(([theirs, name]) => {
    const id = tokens.indexOf(config[`${name}_token`] ?? '')
    return id === -1 ? [] : [[`tokenizer.ggml.${theirs}_token_id`, { u32: id }] as const]
  })
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { text: isSentencePiece ? 'llama' : 'gpt2' }],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ...(isSentencePiece ? scoresOf(json, size) : mergesOf(json, pre)),
    ...ids,
    ['tokenizer.ggml.add_bos_token', { bool: config.bos_token !== undefined }],
    ['tokenizer.chat_template', { text: config.chat_template ?? '' }],
  ])
}

function listTokens({ model, added_tokens }: TokenizerJson, size: number) {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`)
  const types = new Int32Array(size).fill(UNUSED as number)
  for (const [text, id] of Object.entries(model.vocab)) {
    tokens[id] = text
    types[id] = (model.byte_fallback && /^<0x[0-9A-F]{2}>$/.test(text) ? BYTE : NORMAL) as number
  }
  for (const { id, content, special } of added_tokens) {
    tokens[id] = content
    types[id] = (special ? (content === model.unk_token ? UNKNOWN : CONTROL) : USER_DEFINED) as number
  }
  return { tokens, types }
}

function mergesOf({ model }: TokenizerJson, pre: string): [string, GgufValue][] {
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  return [
    ['tokenizer.ggml.pre', { text: pre }],
    ['tokenizer.ggml.merges', { texts: merges }],
  ]
}

/** Earlier tokens were merged first. */
function scoresOf({ model, normalizer }: TokenizerJson, size: number): [string, GgufValue][] {
  const scores = new Float32Array(size).fill(WORST_SCORE)
  for (const id of Object.values(model.vocab)) scores[id] = -id
  return [
    ['tokenizer.ggml.pre', { text: 'default' }],
    ['tokenizer.ggml.scores', { f32s: scores }],
    ['tokenizer.ggml.add_space_prefix', { bool: JSON.stringify(normalizer).includes('Prepend') }],
  ]
}
