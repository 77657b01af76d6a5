/**
 * What a tokenizer.json's `decoder` makes of each token by itself, as bytes. Known are the two kinds that language models
 * have: byte-level (GPT-2, Llama 3, Qwen) and SentencePiece's (Llama 2, Mistral, Gemma, T5), written as Metaspace or as
 * a sequence of Replace, ByteFallback, Fuse and Strip.
 */
import { AppError } from '../../base/app-error.ts'

export interface TokenDecoder {
  bytesOf(token: string): Uint8Array
  /** Of a token that was added to the vocabulary, such as `<think>`. */
  bytesOfAdded(token: string): Uint8Array
  readonly stripsFirstSpace: boolean
}

interface Step {
  readonly type?: unknown
  readonly [field: string]: unknown
}

const STEPS_MAX = 16
const encoder = new TextEncoder()

/** Kind `unsupported`, TOKENIZER_UNSUPPORTED for a decoder of another kind. */
export function createTokenDecoder(config: unknown): TokenDecoder {
  const steps = stepsOf(config)
  if (steps.length === 1 && steps[0]?.type === 'ByteLevel') return BYTE_LEVEL
  const replacements: [string, string][] = []
  let hasByteFallback = false
  let stripsFirstSpace = false
  for (const step of steps) {
    if (step.type === 'Replace') replacements.push(replacementOf(step))
    else if (step.type === 'ByteFallback') hasByteFallback = true
    else if (step.type === 'Metaspace') {
      replacements.push([textOf(step.replacement ?? '\u2581'), ' '])
      stripsFirstSpace = step.prepend_scheme !== 'never' && step.add_prefix_space !== false
    } else if (step.type === 'Strip') stripsFirstSpace = checkStrip(step)
    else if (step.type !== 'Fuse') throw unsupported(`decoder ${String(step.type)}`)
  }
  const bytesOf = (token: string) => {
    if (hasByteFallback && /^<0x[0-9A-Fa-f]{2}>$/.test(token))
      return Uint8Array.of(Number.parseInt(token.slice(3, 5), 16))
    return encoder.encode(replacements.reduce((text, [from, to]) => text.replaceAll(from, to), token))
  }
  return { bytesOf, bytesOfAdded: bytesOf, stripsFirstSpace }
}

function stepsOf(config: unknown): readonly Step[] {
  const step = config as Step | null
  if (typeof step !== 'object' || step === null) throw unsupported('no decoder')
  if (step.type !== 'Sequence') return [step]
  const { decoders } = step
  if (!Array.isArray(decoders) || decoders.length > STEPS_MAX) throw unsupported('decoders that are no short list')
  return decoders as Step[]
}

function replacementOf(step: Step): [string, string] {
  const pattern = (step.pattern as { String?: unknown } | undefined)?.String
  if (typeof pattern !== 'string' || pattern === '') throw unsupported('a decoder that replaces by a pattern')
  return [pattern, textOf(step.content)]
}

function checkStrip(step: Step): boolean {
  if (step.content !== ' ' || step.stop !== 0 || (step.start !== 0 && step.start !== 1)) {
    throw unsupported('a decoder that strips more than the first space')
  }
  return step.start === 1
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw unsupported('a decoder without its text')
  return value
}

function unsupported(what: string): AppError {
  return new AppError('unsupported', 'TOKENIZER_UNSUPPORTED', `tokenizer.json: ${what} is not supported`)
}

/** GPT-2's alphabet: the printable characters of Latin-1 are themselves, the other bytes follow from U+0100 in order. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  (() => {
    const isPrintable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
    let next = 0x100
    return Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(isPrintable(byte) ? byte : next++), byte])
  })(),
)

function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = []
  for (const character of token) {
    const byte = BYTE_OF_CHARACTER.get(character)
    // A character outside of the alphabet: the token is no byte-level one and stands for itself.
    if (byte === undefined) return encoder.encode(token)
    bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

const BYTE_LEVEL: TokenDecoder = {
  bytesOf: byteLevelBytes,
  bytesOfAdded: (token) => encoder.encode(token),
  stripsFirstSpace: false,
}
