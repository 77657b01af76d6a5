/**
 * Tokens to text as they come: gives out only whole characters, so every piece is well-formed by itself, and the pieces
 * joined are what all the tokens decoded at once would be. Bytes that are no UTF-8 become U+FFFD.
 */
import type { Vocabulary } from './vocabulary.ts'

export interface TokenTextOptions {
  /** The tokens go on with a text that is there already: their first space belongs to it. */
  readonly isContinuation?: boolean
  /** Control tokens are written out, too. */
  readonly withSpecials?: boolean
}

export class TokenText {
  readonly #vocabulary: Vocabulary
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #withSpecials: boolean
  #stripsNext: boolean

  constructor(vocabulary: Vocabulary, { isContinuation = false, withSpecials = false }: TokenTextOptions = {}) {
    this.#vocabulary = vocabulary
    this.#withSpecials = withSpecials
    this.#stripsNext = vocabulary.stripsFirstSpace && !isContinuation
  }

  /** The characters that this token completes; often none. */
  push(token: number): string {
    if (this.#vocabulary.isSpecial(token) && !this.#withSpecials) return ''
    return this.#strip(this.#decoder.decode(this.#vocabulary.bytesOf(token), { stream: true }))
  }

  /** What a character that never ended becomes. */
  end(): string {
    return this.#strip(this.#decoder.decode())
  }

  #strip(text: string): string {
    if (!this.#stripsNext || text === '') return text
    this.#stripsNext = false
    return text.startsWith(' ') ? text.slice(1) : text
  }
}

export function decodeTokens(vocabulary: Vocabulary, tokens: Iterable<number>, options?: TokenTextOptions): string {
  const text = new TokenText(vocabulary, options)
  let all = ''
  for (const token of tokens) all += text.push(token)
  return all + text.end()
}
