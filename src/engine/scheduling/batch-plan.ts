/**
 * Which sequences go forward in the next call, and by how many tokens. All of one call share their adapters: the set that
 * was served longest ago has its turn. Whoever chooses tokens goes on by one; prompts share what is left of the call, the
 * one that waited longest first. The call is kept so short that whoever is cancelled or comes new waits little.
 */
import type { Sequence } from './sequence.ts'

export interface BatchLimits {
  /** Of the driver. */
  readonly batchTokensMax: number
  /** As many as the call may have to be short. */
  readonly promptTokensMax: number
  /** One sequence a call, and prompts in pieces of the same size always. */
  readonly isDeterministic: boolean
}

export interface Part {
  readonly sequence: Sequence
  readonly tokenCount: number
}

/** Prompts advance by at least so much, or calls would be all overhead. */
export const PROMPT_TOKENS_MIN = 16

export function planBatch(seated: readonly Sequence[], limits: BatchLimits): Part[] {
  const waiting = [...seated].sort((a, b) => a.lastServed - b.lastServed)
  const [first] = waiting
  if (first === undefined) return []
  if (limits.isDeterministic)
    return [{ sequence: first, tokenCount: Math.min(first.pendingTokens, limits.batchTokensMax) }]
  const group = waiting.filter(({ adapterKey }) => adapterKey === first.adapterKey)
  const parts: Part[] = []
  let left = limits.batchTokensMax
  for (const sequence of group) {
    if (!sequence.isDecoding || left === 0) continue
    parts.push({ sequence, tokenCount: 1 })
    left--
  }
  const prompts = group.filter((sequence) => !sequence.isDecoding)
  left = Math.min(left, Math.max(limits.promptTokensMax, PROMPT_TOKENS_MIN))
  for (const [i, sequence] of prompts.entries()) {
    const share = Math.max(Math.floor(left / (prompts.length - i)), PROMPT_TOKENS_MIN)
    const tokenCount = Math.min(sequence.pendingTokens, share, left)
    if (tokenCount > 0) parts.push({ sequence, tokenCount })
    left -= tokenCount
  }
  return parts
}
