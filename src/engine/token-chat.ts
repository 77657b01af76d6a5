/**
 * ChatBackend over tokens: the model's template and tokenizer make the prompt, its vocabulary makes text of the answer,
 * in whole characters and up to the first stop string.
 */
import { AppError } from '../base/app-error.ts'
import type * as seam from './chat-backend.ts'
import { sequenceTokensMax } from './scheduling/check-request.ts'
import { StopStrings } from './text/stop-strings.ts'
import { templateMessages } from './text/template-messages.ts'
import type { TextProcess } from './text/text-process.ts'
import { decodeTokens, TokenText } from './text/token-text.ts'
import { Vocabulary } from './text/vocabulary.ts'
import type { GenerateDone, GenerateEvent, TokenGenerator } from './token-generator.ts'

type TokenEvent = Exclude<GenerateEvent, GenerateDone>

interface Prompt {
  readonly tokens: readonly number[]
  readonly isContinuation: boolean
}

const NOTHING_DONE = { promptTokens: 0, cachedTokens: 0, outputTokens: 0, queueMs: 0, prefillMs: 0, decodeMs: 0 }

export class TokenChat implements seam.ChatBackend {
  readonly #generator: TokenGenerator
  readonly #text: TextProcess
  readonly #vocabulary: Vocabulary
  readonly #endTokens: readonly number[]

  /** Both belong to whoever made them. */
  constructor(generator: TokenGenerator, text: TextProcess) {
    const { vocabulary, stopTokens } = text.info
    this.#generator = generator
    this.#text = text
    this.#vocabulary = new Vocabulary(vocabulary)
    this.#endTokens = [...new Set([...stopTokens, ...generator.info.stopTokens])]
  }

  chat(request: seam.ChatRequest, signal?: AbortSignal): AsyncGenerator<seam.TextEvent> {
    return this.#answer(request, () => this.#chatPrompt(request, signal), signal)
  }

  complete(request: seam.CompletionRequest, signal?: AbortSignal): AsyncGenerator<seam.TextEvent> {
    return this.#answer(request, () => this.#completionPrompt(request, signal), signal)
  }

  async #chatPrompt(request: seam.ChatRequest, signal: AbortSignal | undefined): Promise<Prompt> {
    const { messages, tools, templateValues } = request
    const values = { ...templateValues, messages: templateMessages(messages), add_generation_prompt: true }
    const text = await this.#text.render(tools === undefined ? values : { ...values, tools }, signal)
    // The template has written the special tokens already.
    return { tokens: await this.#text.encode(text, { addSpecial: false }, signal), isContinuation: false }
  }

  async #completionPrompt({ prompt }: seam.CompletionRequest, signal: AbortSignal | undefined): Promise<Prompt> {
    const tokens = typeof prompt === 'string' ? await this.#text.encode(prompt, { addSpecial: true }, signal) : prompt
    return { tokens, isContinuation: true }
  }

  async *#answer(
    options: seam.AnswerOptions,
    makePrompt: () => Promise<Prompt>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<seam.TextEvent> {
    const stops = new StopStrings(options.stop ?? [])
    let prompt: Prompt
    try {
      prompt = await makePrompt()
    } catch (error) {
      if (!(error instanceof AppError && error.kind === 'cancelled')) throw error
      yield { type: 'done', reason: 'abort', stopString: null, ...NOTHING_DONE }
      return
    }
    const { tokens } = prompt
    const room = Math.max(sequenceTokensMax(this.#generator.info) - tokens.length, 1)
    const { adapters, sampling, tokenCountMax = room, ignoresEnd = false } = options
    const enough = new AbortController()
    const both = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal])
    const stopTokens = ignoresEnd ? [] : this.#endTokens
    const text = new AnswerText(this.#vocabulary, stops, { isContinuation: prompt.isContinuation, stopTokens })
    try {
      for await (const event of this.#generator.generate(
        { tokens, adapters, tokenCountMax, stopTokens, sampling },
        both,
      )) {
        if (event.type === 'done') {
          yield* text.end()
          yield doneOf(event, stops.found, text.tokenCount)
          return
        }
        yield* text.push(event)
        if (stops.found !== null) enough.abort()
      }
    } finally {
      enough.abort()
    }
  }
}

/** Tokens that were on their way when a stop string was found do not count. */
function doneOf(done: GenerateDone, stopString: string | null, tokenCount: number): seam.TextDone {
  return stopString === null
    ? { ...done, stopString }
    : { ...done, stopString, reason: 'stop', outputTokens: tokenCount }
}

/** The text of one answer as it grows, with the tokens it is made of where these were asked for. */
class AnswerText {
  readonly #vocabulary: Vocabulary
  readonly #stops: StopStrings
  readonly #text: TokenText
  readonly #stopTokens: readonly number[]
  #tokens: seam.AnswerToken[] = []
  #tokenCount = 0

  constructor(
    vocabulary: Vocabulary,
    stops: StopStrings,
    { isContinuation, stopTokens }: { isContinuation: boolean; stopTokens: readonly number[] },
  ) {
    this.#vocabulary = vocabulary
    this.#stops = stops
    this.#text = new TokenText(vocabulary, { isContinuation })
    this.#stopTokens = stopTokens
  }

  /** Up to the one that completed a stop string. */
  get tokenCount(): number {
    return this.#tokenCount
  }

  *push(event: TokenEvent): Generator<seam.TextPiece> {
    if (this.#stops.found !== null) return
    this.#tokenCount++
    // A token that ends the answer is no part of it, also where the vocabulary writes it out.
    if (this.#stopTokens.includes(event.id)) return
    const text = this.#stops.push(this.#text.push(event.id))
    const token = this.#describe(event)
    if (token !== null) this.#tokens.push(token)
    if (text !== '') yield this.#piece(text)
  }

  *end(): Generator<seam.TextPiece> {
    if (this.#stops.found !== null) return
    const last = this.#stops.push(this.#text.end())
    const text = this.#stops.found === null ? last + this.#stops.end() : last
    if (text !== '' || this.#tokens.length > 0) yield this.#piece(text)
  }

  #piece(text: string): seam.TextPiece {
    const tokens = this.#tokens
    this.#tokens = []
    return tokens.length === 0 ? { type: 'text', text } : { type: 'text', text, tokens }
  }

  #describe({ id, logprob, top }: TokenEvent): seam.AnswerToken | null {
    if (logprob === undefined || top === undefined) return null
    return { ...this.#tokenText(id, logprob), top: top.map(([one, its]) => this.#tokenText(one, its)) }
  }

  #tokenText(id: number, logprob: number): seam.TokenText {
    const text = decodeTokens(this.#vocabulary, [id], { isContinuation: true, withSpecials: true })
    return { id, text, bytes: this.#vocabulary.bytesOf(id), logprob }
  }
}
