/**
 * The tokenizer that a GGUF file describes by its keys, as the tokenizer.json it was made from would. Known are the two
 * kinds that language models have: byte-level BPE (`gpt2`), whose first cut has a name, and SentencePiece's BPE (`llama`),
 * whose merges follow from scores.
 */
import { AppError } from '../../base/app-error.ts'
import type { GgufHeader, GgufScalar } from '../../weights/gguf-header.ts'
import { VOCAB_SIZE_MAX } from '../sampling/ranking.ts'
import { findFirstCut } from './first-cuts.ts'

/** The keys whose lists are needed. */
export const TOKENIZER_LISTS: ReadonlySet<string> = new Set([
  'tokenizer.ggml.tokens',
  'tokenizer.ggml.token_type',
  'tokenizer.ggml.scores',
  'tokenizer.ggml.merges',
])

/** Kinds of tokens in GGUF; 5 is for rows without one. */
const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const BYTE = 6
/** No token of a real vocabulary is longer; all of its cuts are looked at. */
const MERGED_CHARS_MAX = 256
const SPACE = '\u2581'

export type GgufValues = GgufHeader['values']

interface Tokens {
  readonly texts: readonly string[]
  /** Of each; normal where the file does not say. */
  readonly types: readonly GgufScalar[]
}

/** In the form of tokenizer.json. Kind `unsupported`, TOKENIZER_UNSUPPORTED for what is known not to be done here. */
export function ggufTokenizer(values: GgufValues): Readonly<Record<string, unknown>> {
  const model = values.get('tokenizer.ggml.model')
  const texts = listOf<string>(values, 'tokenizer.ggml.tokens', 'string')
  if (texts.length === 0 || texts.length > VOCAB_SIZE_MAX) throw bad(`a vocabulary of ${texts.length} tokens`)
  const types = values.has('tokenizer.ggml.token_type')
    ? listOf<number>(values, 'tokenizer.ggml.token_type', 'number', texts.length)
    : texts.map(() => NORMAL)
  const tokens = { texts, types }
  if (model === 'gpt2') return byteLevel(values, tokens)
  if (model === 'llama') return sentencePiece(values, tokens)
  throw unsupported(`a tokenizer of kind "${nameOf(model)}" (known are gpt2 and llama)`)
}

function byteLevel(values: GgufValues, tokens: Tokens): Readonly<Record<string, unknown>> {
  const pre = values.get('tokenizer.ggml.pre')
  const cut = typeof pre === 'string' ? findFirstCut(pre) : null
  if (cut === null) throw unsupported(`a text first cut as "${nameOf(pre)}"`)
  const merges = listOf<string>(values, 'tokenizer.ggml.merges', 'string').map((merge) => {
    const at = merge.indexOf(' ', 1)
    if (at < 0) throw bad('a merge that is no pair')
    return [merge.slice(0, at), merge.slice(at + 1)]
  })
  const vocab = vocabOf(tokens, [NORMAL])
  return {
    normalizer: cut.normalizer,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...cut.cuts,
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    ...commonParts(values, tokens, { addsBegin: cut.addsBegin }),
    model: { type: 'BPE', byte_fallback: false, ignore_merges: cut.takesWholeWords, vocab, merges },
  }
}

function sentencePiece(values: GgufValues, tokens: Tokens): Readonly<Record<string, unknown>> {
  const prepends = values.get('tokenizer.ggml.add_space_prefix') ?? true
  const scores = listOf<number>(values, 'tokenizer.ggml.scores', 'number', tokens.texts.length)
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE }
  const decoders = [
    { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(prepends === true ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ]
  const unknown = tokens.texts[Number(values.get('tokenizer.ggml.unknown_token_id') ?? tokens.types.indexOf(UNKNOWN))]
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: prepends === true ? [{ type: 'Prepend', prepend: SPACE }, spaces] : [spaces],
    },
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders },
    ...commonParts(values, tokens, { addsBegin: true }),
    model: {
      ...{ type: 'BPE', byte_fallback: true, fuse_unk: true, ignore_merges: false, unk_token: unknown ?? null },
      vocab: vocabOf(tokens, [NORMAL, UNKNOWN, CONTROL, BYTE]),
      merges: mergesByScore(tokens, scores),
    },
  }
}

/** Every way to make a token of two others; the token with the highest score is made first. */
function mergesByScore({ texts, types }: Tokens, scores: readonly number[]): [string, string][] {
  const isPart = new Set(texts.filter((_, id) => types[id] === NORMAL))
  const merges: { id: number; pair: [string, string] }[] = []
  for (const [id, text] of texts.entries()) {
    if (types[id] !== NORMAL || text.length < 2 || text.length > MERGED_CHARS_MAX) continue
    for (let at = 1; at < text.length; at++) {
      const pair: [string, string] = [text.slice(0, at), text.slice(at)]
      if (isPart.has(pair[0]) && isPart.has(pair[1])) merges.push({ id, pair })
    }
  }
  merges.sort((a, b) => (scores[b.id] as number) - (scores[a.id] as number) || a.id - b.id)
  return merges.map(({ pair }) => pair)
}

function vocabOf({ texts, types }: Tokens, kinds: readonly number[]): Readonly<Record<string, number>> {
  const vocab = new Map<string, number>()
  for (const [id, text] of texts.entries()) {
    // Of two with one name the first is found by it.
    if (kinds.includes(types[id] as number) && !vocab.has(text)) vocab.set(text, id)
  }
  return Object.fromEntries(vocab)
}

/** Tokens that are found as they are written, and what stands around every text. */
function commonParts(values: GgufValues, { texts, types }: Tokens, { addsBegin }: { addsBegin: boolean }) {
  const added = texts.flatMap((content, id) => {
    const type = types[id] as number
    if (![UNKNOWN, CONTROL, USER_DEFINED].includes(type) || content === '') return []
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    return [{ id, content, ...flags, special: type !== USER_DEFINED }]
  })
  const around = (flag: string, token: string, otherwise: boolean) => {
    const id = values.get(`tokenizer.ggml.${token}`)
    const content = (values.get(`tokenizer.ggml.${flag}`) ?? otherwise) === true ? texts[Number(id ?? -1)] : undefined
    return content === undefined ? [] : [{ content, id: Number(id) }]
  }
  const begin = around('add_bos_token', 'bos_token_id', addsBegin)
  const end = around('add_eos_token', 'eos_token_id', false)
  const marks = [...begin, ...end].map(({ content, id }) => [content, { id: content, ids: [id], tokens: [content] }])
  const part = ({ content }: { content: string }) => ({ SpecialToken: { id: content, type_id: 0 } })
  const single = [...begin.map(part), { Sequence: { id: 'A', type_id: 0 } }, ...end.map(part)]
  const post_processor = { type: 'TemplateProcessing', single, pair: single, special_tokens: Object.fromEntries(marks) }
  return { version: '1.0', added_tokens: added, post_processor: marks.length === 0 ? null : post_processor }
}

function listOf<T extends GgufScalar>(values: GgufValues, key: string, type: 'string' | 'number', count?: number) {
  const value = values.get(key)
  const items = typeof value === 'object' ? value.items : undefined
  if (items === undefined || items.some((item) => typeof item !== type)) throw bad(`no ${key}`)
  if (count !== undefined && items.length !== count) throw bad(`${items.length} of ${key}, not ${count}`)
  return items as readonly T[]
}

function nameOf(value: unknown): string {
  return String(value ?? '').slice(0, 40)
}

function bad(what: string): AppError {
  return new AppError('malformed', 'TOKENIZER_BAD', `The GGUF file has ${what}: convert the model again`)
}

function unsupported(what: string): AppError {
  const message = `The GGUF file has ${what}, which is not supported: use the model's safetensors with its tokenizer.json`
  return new AppError('unsupported', 'TOKENIZER_UNSUPPORTED', message)
}
