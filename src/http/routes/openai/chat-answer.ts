/** Text events as OpenAI's chat completion: one object, or chunks of one. */
import type { AnswerToken, TextDone, TextPiece } from '../../../engine/chat-backend.ts'

export interface AnswerName {
  readonly id: string
  readonly model: string
  /** In seconds. */
  readonly created: number
}

/** Of each token that was asked for: itself, its bytes, and what else was likely. */
export function logprobsOf(tokens: readonly AnswerToken[]): object {
  return {
    content: tokens.map(({ top, ...token }) => ({ ...tokenOf(token), top_logprobs: top.map(tokenOf) })),
    refusal: null,
  }
}

function tokenOf({ text, logprob, bytes }: Pick<AnswerToken, 'text' | 'logprob' | 'bytes'>): object {
  return { token: text, logprob, bytes: [...bytes] }
}

export function usageOf({ promptTokens, outputTokens, cachedTokens }: TextDone): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: outputTokens,
    total_tokens: promptTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}

/** The whole answer. */
export function completionOf(name: AnswerName, pieces: readonly TextPiece[], done: TextDone): object {
  const content = pieces.map(({ text }) => text).join('')
  const tokens = pieces.flatMap((piece) => piece.tokens ?? [])
  const hasTokens = pieces.some((piece) => piece.tokens !== undefined)
  const choice = {
    index: 0,
    message: { role: 'assistant', content, refusal: null },
    logprobs: hasTokens ? logprobsOf(tokens) : null,
    finish_reason: done.reason,
  }
  return { ...headOf(name, 'chat.completion'), choices: [choice], usage: usageOf(done) }
}

/** The first says who speaks. */
export function firstChunk(name: AnswerName): object {
  return chunk(name, { delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null })
}

export function pieceChunk(name: AnswerName, { text, tokens }: TextPiece): object {
  const logprobs = tokens === undefined ? null : logprobsOf(tokens)
  return chunk(name, { delta: { content: text }, logprobs, finish_reason: null })
}

export function lastChunk(name: AnswerName, { reason }: TextDone): object {
  return chunk(name, { delta: {}, logprobs: null, finish_reason: reason })
}

/** Behind the last one, where it was asked for. */
export function usageChunk(name: AnswerName, done: TextDone): object {
  return { ...headOf(name, 'chat.completion.chunk'), choices: [], usage: usageOf(done) }
}

function chunk(name: AnswerName, choice: object): object {
  return { ...headOf(name, 'chat.completion.chunk'), choices: [{ index: 0, ...choice }] }
}

function headOf({ id, model, created }: AnswerName, object: string): object {
  return { id, object, created, model }
}
