/** One request on its way: its tokens so far, its place, its sampler, and what its reader is told. */
import type { SampledToken, Sampler } from '../sampling/sampler.ts'
import { adapterSetKey } from '../token-engine.ts'
import type { GenerateDone, GenerateEvent, GenerateRequest } from '../token-generator.ts'
import type { EventStream } from './event-stream.ts'
import type { Slot } from './slots.ts'

export interface SequenceParts {
  readonly request: GenerateRequest
  readonly sampler: Sampler
  readonly stream: EventStream<GenerateEvent>
  readonly nowMs: number
  /** Of prompt and answer together. */
  readonly tokensMax: number
}

export class Sequence {
  readonly request: GenerateRequest
  readonly adapterKey: string
  /** Prompt, then answer. */
  readonly tokens: number[]
  readonly promptTokens: number
  readonly stream: EventStream<GenerateEvent>
  /** Aborted when the request is cancelled: given to calls that serve it alone. */
  readonly stop = new AbortController()
  slot: Slot | null = null
  /** Count of calls: the smallest was served longest ago. */
  lastServed = 0
  readonly #sampler: Sampler
  readonly #tokensMax: number
  readonly #queuedAtMs: number
  #seatedAtMs: number | null = null
  #firstTokenAtMs: number | null = null
  #cachedTokens = 0

  constructor({ request, sampler, stream, nowMs, tokensMax }: SequenceParts) {
    this.request = request
    this.adapterKey = adapterSetKey(request.adapters)
    this.tokens = Array.from(request.tokens)
    this.promptTokens = this.tokens.length
    this.stream = stream
    this.#sampler = sampler
    this.#tokensMax = tokensMax
    this.#queuedAtMs = nowMs
  }

  /** What its slot does not hold yet: the prompt's rest, or the token that was chosen last. */
  get pendingTokens(): number {
    return this.tokens.length - (this.slot?.held.length ?? 0)
  }

  /** The next token can be chosen after one more. */
  get isDecoding(): boolean {
    return this.pendingTokens === 1 && this.#firstTokenAtMs !== null
  }

  get isOver(): boolean {
    return this.stream.isOver
  }

  /** A second time after it had to leave its slot. */
  seat(slot: Slot, cachedTokens: number, nowMs: number): void {
    this.slot = slot
    if (this.#seatedAtMs !== null) return
    this.#seatedAtMs = nowMs
    this.#cachedTokens = cachedTokens
  }

  seatedMs(nowMs: number): number {
    return nowMs - (this.#seatedAtMs ?? nowMs)
  }

  /** Chooses the next token, tells it, and ends the sequence if it was the last. */
  take(logits: Float32Array, nowMs: number): void {
    const sampled = this.#sampler.next(logits)
    this.#firstTokenAtMs ??= nowMs
    this.tokens.push(sampled.token)
    this.stream.put(eventOf(sampled))
    const answerTokens = this.tokens.length - this.promptTokens
    if (this.request.stopTokens.includes(sampled.token)) this.end('stop', nowMs)
    else if (answerTokens >= this.request.tokenCountMax || this.tokens.length >= this.#tokensMax)
      this.end('length', nowMs)
  }

  end(reason: GenerateDone['reason'], nowMs: number): void {
    const seatedAtMs = this.#seatedAtMs ?? nowMs
    const firstTokenAtMs = this.#firstTokenAtMs ?? nowMs
    this.stream.put({
      ...{ type: 'done', reason, promptTokens: this.promptTokens, cachedTokens: this.#cachedTokens },
      outputTokens: this.tokens.length - this.promptTokens,
      queueMs: seatedAtMs - this.#queuedAtMs,
      prefillMs: firstTokenAtMs - seatedAtMs,
      decodeMs: nowMs - firstTokenAtMs,
    })
    this.stream.end()
  }
}

function eventOf({ token, logprob, top }: SampledToken): GenerateEvent {
  if (logprob === undefined || top === undefined) return { type: 'token', id: token }
  return { type: 'token', id: token, logprob, top: top.map((one) => [one.token, one.logprob] as const) }
}
