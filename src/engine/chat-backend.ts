/**
 * The seam above tokens: messages or text in, text events out. Over a TokenGenerator (token-chat.ts), or a remote engine
 * that speaks OpenAI's protocol. A request is ended by its AbortSignal, waiting or running; its stream then ends with
 * `done` and reason `abort`. Leaving the loop at an event does the same.
 */
import type { Sampling } from './sampling/sampling.ts'
import type { AdapterSet } from './token-engine.ts'

export interface ChatMessage {
  readonly role: string
  /** Text, or OpenAI's list of parts; null beside tool calls. */
  readonly content?: string | readonly ContentPart[] | null
  /** Tool calls and whatever else the model's template knows. */
  readonly [field: string]: unknown
}

export interface ContentPart {
  readonly type: string
  readonly text?: string
}

/** How an answer comes about, whatever it answers. */
export interface AnswerOptions {
  readonly adapters: AdapterSet
  readonly sampling: Sampling
  /** Left out: what the context has room for. */
  readonly tokenCountMax?: number
  /** The answer ends before the first of them. */
  readonly stop?: readonly string[]
  /** Tokens that end a turn end nothing. */
  readonly ignoresEnd?: boolean
}

export interface ChatRequest extends AnswerOptions {
  readonly messages: readonly ChatMessage[]
  readonly tools?: readonly unknown[]
  /** Further values for the template, such as `enable_thinking`. */
  readonly templateValues?: Readonly<Record<string, unknown>>
}

export interface CompletionRequest extends AnswerOptions {
  /** Text as it is, or tokens. */
  readonly prompt: string | readonly number[]
}

export type TextEvent = TextPiece | TextDone

export interface TextPiece {
  readonly type: 'text'
  /** Whole characters; may be empty where only tokens are told. */
  readonly text: string
  /** With `sampling.logprobs` only: the tokens since the last event. */
  readonly tokens?: readonly AnswerToken[]
}

export interface AnswerToken extends TokenText {
  readonly top: readonly TokenText[]
}

export interface TokenText {
  readonly id: number
  /** Of a character's parts the replacement character; the bytes are exact. */
  readonly text: string
  readonly bytes: Uint8Array
  readonly logprob: number
}

export interface TextDone {
  readonly type: 'done'
  readonly reason: 'stop' | 'length' | 'abort'
  /** Which string ended it, if one did. */
  readonly stopString: string | null
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly queueMs: number
  readonly prefillMs: number
  readonly decodeMs: number
}

export interface ChatBackend {
  chat(request: ChatRequest, signal?: AbortSignal): AsyncIterable<TextEvent>
  complete(request: CompletionRequest, signal?: AbortSignal): AsyncIterable<TextEvent>
}
