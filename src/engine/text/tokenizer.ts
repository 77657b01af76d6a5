/**
 * Text to tokens by a model's tokenizer.json, or by what a GGUF file has in its place. It comes from a stranger: sizes are bounded here, but its patterns may run
 * as long as they like, so encode only in a process that may be ended (text-process.ts).
 */
import { Tokenizer } from '@huggingface/tokenizers'
import { AppError } from '../../base/app-error.ts'
import { VOCAB_SIZE_MAX } from '../sampling/ranking.ts'
import { createTokenDecoder } from './tokenizer-decoder.ts'
import { ADDED_TOKENS_MAX, MERGES_MAX } from './tokenizer-limits.ts'
import { type PackedVocabulary, packVocabulary } from './vocabulary.ts'

type Json = Readonly<Record<string, unknown>>

/** The part of the library that is used here; its own types do not resolve under Node's rules for modules. */
interface Library {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: number[] }
  token_to_id(token: string): number | undefined
  id_to_token(id: number): string | undefined
  get_vocab(withAdded: boolean): ReadonlyMap<string, number>
  get_added_tokens_decoder(): ReadonlyMap<number, { readonly special: boolean }>
}

export class TextTokenizer {
  readonly #tokenizer: Library
  readonly vocabulary: PackedVocabulary

  /** Both as parsed JSON. Kind `malformed`, TOKENIZER_BAD when they are no tokenizer. */
  constructor(tokenizer: unknown, config: unknown) {
    const json = checkSizes(tokenizer)
    try {
      this.#tokenizer = new Tokenizer(json, config as object) as Library
    } catch (cause) {
      throw bad((cause as Error).message, cause)
    }
    this.vocabulary = this.#readVocabulary(json)
  }

  /** With `addSpecial` also what the model wants around any text, such as a token for its beginning. */
  encode(text: string, addSpecial: boolean): number[] {
    // The library finds halves of characters nowhere, and would say so in its own way.
    const { ids } = this.#tokenizer.encode(text.toWellFormed(), { add_special_tokens: addSpecial })
    const unknown = ids.findIndex((id) => !Number.isInteger(id))
    if (unknown !== -1) throw bad('it has no token for a part of the text, and none for what is unknown')
    return ids
  }

  tokenOf(content: string): number | null {
    return this.#tokenizer.token_to_id(content) ?? null
  }

  #readVocabulary(json: Json): PackedVocabulary {
    const decoder = createTokenDecoder(json.decoder)
    const added = this.#tokenizer.get_added_tokens_decoder()
    const specials = [...added].filter(([, token]) => token.special).map(([id]) => id)
    let size = 0
    for (const id of this.#tokenizer.get_vocab(true).values()) size = Math.max(size, id + 1)
    const pieces = Array.from({ length: size }, (_, id) => {
      const token = this.#tokenizer.id_to_token(id) ?? ''
      return added.has(id) ? decoder.bytesOfAdded(token) : decoder.bytesOf(token)
    })
    return packVocabulary(pieces, { specials, stripsFirstSpace: decoder.stripsFirstSpace })
  }
}

function checkSizes(tokenizer: unknown): Json {
  const json = tokenizer as Json & { model?: Json }
  const { model } = json
  if (typeof model !== 'object' || model === null) throw bad('it has no model')
  const added = json.added_tokens
  if (!Array.isArray(added) || added.length > ADDED_TOKENS_MAX) throw bad('its added tokens are no list, or too many')
  const { vocab } = model
  // A unigram model numbers its list by place.
  const numbers = Array.isArray(vocab) ? [vocab.length - 1] : Object.values((vocab ?? {}) as Json)
  for (const id of [...added.map((token: { id?: unknown } | null) => token?.id), ...numbers]) {
    const isGood = Number.isInteger(id) && (id as number) >= 0 && (id as number) < VOCAB_SIZE_MAX
    if (!isGood) throw bad(`token number ${String(id)} is none, or larger than any vocabulary`)
  }
  const merges = Array.isArray(model.merges) ? model.merges.length : 0
  if (merges > MERGES_MAX) throw bad(`${merges} merges are more than any tokenizer has`)
  return json
}

function bad(why: string, cause?: unknown): AppError {
  return new AppError('malformed', 'TOKENIZER_BAD', `tokenizer.json: ${why}`, { cause })
}
