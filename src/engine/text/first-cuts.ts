/** How byte-level tokenizers cut a text before they merge bytes, by the names that GGUF files have for it. */

export interface FirstCut {
  /** In the form of tokenizer.json. */
  readonly normalizer: object | null
  readonly cuts: readonly object[]
  /** A word that is a token is one, whatever merges would make of it. */
  readonly takesWholeWords: boolean
  /** Whether a token for the beginning comes before any text, where the file does not say. */
  readonly addsBegin: boolean
}

const ENGLISH = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const WORDS = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+'
const SIGNS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*'
const BLANKS = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
const UPPER = '\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}'
const LOWER = '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}'
const TEKKEN = [
  `[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]*[${LOWER}]+`,
  `[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]+[${LOWER}]*`,
  `\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${BLANKS}`,
].join('|')

const NONE = { normalizer: null, takesWholeWords: false, addsBegin: false }
const LLAMA3: FirstCut = {
  ...{ normalizer: null, takesWholeWords: true, addsBegin: true },
  cuts: [split(`${ENGLISH}|${WORDS}|\\p{N}{1,3}|${SIGNS}|${BLANKS}`)],
}
const QWEN2: FirstCut = {
  ...{ ...NONE, normalizer: { type: 'NFC' } },
  cuts: [split(`${ENGLISH}|${WORDS}|\\p{N}|${SIGNS}|${BLANKS}`)],
}

const CUTS: ReadonlyMap<string, FirstCut> = new Map([
  ['llama-bpe', LLAMA3],
  ['llama3', LLAMA3],
  ['llama-v3', LLAMA3],
  ['qwen2', QWEN2],
  ['deepseek-r1-qwen', QWEN2],
  ['gpt-2', { ...NONE, cuts: [split(GPT2)] }],
  ['smollm', { ...NONE, cuts: [{ type: 'Digits', individual_digits: true }, split(GPT2)] }],
  ['tekken', { normalizer: null, takesWholeWords: true, addsBegin: true, cuts: [split(TEKKEN)] }],
])

export function findFirstCut(name: string): FirstCut | null {
  return CUTS.get(name) ?? null
}

function split(regex: string): object {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }
}
