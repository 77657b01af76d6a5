/** What is done to logits before anything is drawn: bias, penalties, DRY. All of it touches single tokens only. */
import type { DryParams, Sampling } from './sampling.ts'

/** The tokens so far. */
export interface History {
  /** Prompt, then answer. */
  readonly tokens: readonly number[]
  readonly promptTokens: number
}

export function changeLogits(logits: Float32Array, params: Sampling, history: History): void {
  for (const [token, bias] of params.logitBias ?? []) add(logits, token, bias)
  penalizeRepeats(logits, params, history.tokens)
  penalizeAnswer(logits, params, history)
  if (params.dry !== undefined) penalizeLoops(logits, params.dry, history.tokens)
}

function penalizeRepeats(logits: Float32Array, params: Sampling, tokens: readonly number[]): void {
  const { repeatPenalty = 1, repeatWindowTokens = 64 } = params
  if (repeatPenalty === 1) return
  for (const token of new Set(lastOf(tokens, repeatWindowTokens))) {
    const logit = logits[token]
    if (logit !== undefined) logits[token] = logit > 0 ? logit / repeatPenalty : logit * repeatPenalty
  }
}

function penalizeAnswer(logits: Float32Array, params: Sampling, history: History): void {
  const { frequencyPenalty = 0, presencePenalty = 0 } = params
  if (frequencyPenalty === 0 && presencePenalty === 0) return
  const counts = new Map<number, number>()
  for (let i = history.promptTokens; i < history.tokens.length; i++) {
    const token = history.tokens[i] as number
    counts.set(token, (counts.get(token) ?? 0) + 1)
  }
  for (const [token, count] of counts) add(logits, token, -count * frequencyPenalty - presencePenalty)
}

/**
 * For each earlier place where the end of the text stands already, the token that followed there would go on repeating:
 * it loses multiplier * base^(length - freeTokens), by the longest such repetition.
 */
function penalizeLoops(logits: Float32Array, dry: DryParams, all: readonly number[]): void {
  if (dry.multiplier === 0) return
  const breakers = new Set(dry.breakers)
  const tokens = lastOf(all, dry.lastTokens)
  for (const [token, length] of findRepetitions(tokens, breakers)) {
    if (length < dry.freeTokens) continue
    // Beyond any logit already, and still a number.
    const exponent = Math.min(length - dry.freeTokens, 300 / Math.max(Math.log10(dry.base), 1e-9))
    add(logits, token, -Math.min(dry.multiplier * dry.base ** exponent, 1e30))
  }
}

/** Token -> how many tokens before it equal the end of the text, for the longest such place. */
function findRepetitions(tokens: readonly number[], breakers: ReadonlySet<number>): Map<number, number> {
  const longest = new Map<number, number>()
  const lengths = suffixLengths(tokens, breakers)
  for (let i = 0; i + 1 < tokens.length; i++) {
    const next = tokens[i + 1] as number
    const length = lengths[i] as number
    if (length > (longest.get(next) ?? 0) && !breakers.has(next)) longest.set(next, length)
  }
  return longest
}

/** For each place how many tokens up to it equal the last ones of the text, in time linear in the text (Z function). */
function suffixLengths(tokens: readonly number[], breakers: ReadonlySet<number>): Int32Array {
  const last = tokens.length - 1
  const lengths = new Int32Array(tokens.length)
  let reach = 0
  while (reach <= last && !breakers.has(tokens[last - reach] as number)) reach++
  // Counted from the end: [left, right) is the match that reaches farthest back.
  let [left, right] = [0, 0]
  for (let i = 1; i <= last; i++) {
    let length = i < right ? Math.min(right - i, lengths[last - (i - left)] as number) : 0
    while (i + length <= last && tokens[last - length] === tokens[last - i - length]) length++
    if (i + length > right) [left, right] = [i, i + length]
    lengths[last - i] = length
  }
  return lengths.map((length) => Math.min(length, reach))
}

function lastOf(tokens: readonly number[], count: number): readonly number[] {
  if (count < 0) return tokens
  return count === 0 ? [] : tokens.slice(-count)
}

function add(logits: Float32Array, token: number, value: number): void {
  const logit = logits[token]
  if (logit !== undefined) logits[token] = logit + value
}
