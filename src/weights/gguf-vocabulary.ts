/** What native code takes for granted of a vocabulary in a GGUF file, and ends the process over when it is not so. */
import { AppError } from '../base/app-error.ts'
import type { GgufHeader } from './gguf-header.ts'

const TOKENS = 'tokenizer.ggml.tokens'
/** The lists that must be read for it. */
export const VOCABULARY_LISTS: ReadonlySet<string> = new Set([TOKENS])
/** One entry for each token. */
const BESIDE = ['tokenizer.ggml.token_type', 'tokenizer.ggml.scores']

/** Throws GGUF_VOCABULARY_BAD. A file without a vocabulary is none of this function's concern. */
export function verifyGgufVocabulary(name: string, { values }: Pick<GgufHeader, 'values'>): void {
  const list = values.get(TOKENS)
  if (list === undefined) return
  const tokens = typeof list === 'object' ? (list.items ?? []) : []
  if (tokens.length === 0 || tokens.some((token) => typeof token !== 'string'))
    throw refused(name, 'tokens are no texts')
  const seen = new Set<string>()
  for (const token of tokens as readonly string[]) {
    // In C a text ends at its first zero; what is empty gets a name of its own there.
    const text = token.split('\0', 1)[0] as string
    if (seen.has(text)) throw refused(name, `token ${JSON.stringify(token).slice(0, 100)} appears twice`)
    if (text !== '') seen.add(text)
  }
  for (const key of BESIDE) {
    const beside = values.get(key)
    if (beside === undefined) continue
    const count = typeof beside === 'object' ? beside.list : 0
    if (count !== tokens.length) throw refused(name, `${key} has ${count} entries for ${tokens.length} tokens`)
  }
}

function refused(name: string, detail: string): AppError {
  return new AppError('malformed', 'GGUF_VOCABULARY_BAD', `${name}: its vocabulary is broken: ${detail}`)
}
