/**
 * The bytes of every token of a model, packed so that they cross a process border cheaply. Text is what the bytes of the
 * answer's tokens, one after the other, mean as UTF-8; so one character may lie in several tokens.
 */
export interface PackedVocabulary {
  /** The bytes of all tokens, one after the other. */
  readonly bytes: Uint8Array
  /** Where each token's bytes end; the first begins at 0. */
  readonly ends: Uint32Array
  /** Control tokens, such as the end of a turn: no part of the text. */
  readonly specials: readonly number[]
  /** Decoders of the SentencePiece kind write a space before the first word, which is not part of the text. */
  readonly stripsFirstSpace: boolean
}

export class Vocabulary {
  readonly #packed: PackedVocabulary
  readonly #specials: ReadonlySet<number>

  constructor(packed: PackedVocabulary) {
    this.#packed = packed
    this.#specials = new Set(packed.specials)
  }

  get size(): number {
    return this.#packed.ends.length
  }

  get stripsFirstSpace(): boolean {
    return this.#packed.stripsFirstSpace
  }

  isSpecial(token: number): boolean {
    return this.#specials.has(token)
  }

  /** Empty for a number that is no token: models have rows beyond their tokens. */
  bytesOf(token: number): Uint8Array {
    const { bytes, ends } = this.#packed
    const end = ends[token]
    return end === undefined ? new Uint8Array(0) : bytes.subarray(token === 0 ? 0 : ends[token - 1], end)
  }
}

export function packVocabulary(
  pieces: readonly Uint8Array[],
  rest: Pick<PackedVocabulary, 'specials' | 'stripsFirstSpace'>,
): PackedVocabulary {
  const ends = new Uint32Array(pieces.length)
  let end = 0
  for (const [token, piece] of pieces.entries()) {
    end += piece.length
    ends[token] = end
  }
  const bytes = new Uint8Array(end)
  for (const [token, piece] of pieces.entries()) bytes.set(piece, (ends[token] as number) - piece.length)
  return { bytes, ends, ...rest }
}
