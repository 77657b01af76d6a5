/**
 * The seam that crosses the process border: token ids in, sampled token ids out. The scheduler implements it over a
 * TokenModel inside the engine's process; EngineProcess implements it in the server by asking that process. Text, stop
 * strings and UTF-8 belong above it.
 *
 * A request is ended by its AbortSignal, which frees its slot at once, queued or running, and touches no other request;
 * the stream then ends with `done` and reason `abort`. Leaving the loop early does the same.
 */
import type { Sampling } from './sampling/sampling.ts'
import type { AdapterOnDisk, AdapterSet, EngineCaps, ModelInfo, Pooling } from './token-engine.ts'

export interface GenerateRequest {
  readonly tokens: ArrayLike<number>
  readonly adapters: AdapterSet
  readonly tokenCountMax: number
  /** Sampling one of them ends the answer; it is the last token event. */
  readonly stopTokens: readonly number[]
  readonly sampling: Sampling
  /** What allowed tokens are decided by, if anything; see grammar.ts. Must survive structured cloning. */
  readonly grammar?: unknown
}

export type GenerateEvent =
  | {
      readonly type: 'token'
      readonly id: number
      readonly logprob?: number
      readonly top?: readonly (readonly [id: number, logprob: number])[]
    }
  | GenerateDone

export interface GenerateDone {
  readonly type: 'done'
  readonly reason: 'stop' | 'length' | 'abort'
  readonly promptTokens: number
  /** Of the prompt, taken from the prefix cache. */
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly queueMs: number
  readonly prefillMs: number
  readonly decodeMs: number
}

export interface TokenGenerator extends AsyncDisposable {
  readonly info: ModelInfo
  caps(): EngineCaps
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>
  /** Logits after each token, [tokens x vocabSize], float32, computed fresh: for comparisons, not for serving. */
  logits(tokens: ArrayLike<number>, adapters: AdapterSet, signal?: AbortSignal): Promise<Float32Array>
  attachAdapter(adapter: AdapterOnDisk): Promise<void>
  detachAdapter(id: string): Promise<void>
  embed(sequences: readonly ArrayLike<number>[], pooling: Pooling): Promise<Float32Array[]>
  tokenize(text: string, options: { readonly special: boolean; readonly addBos: boolean }): Promise<Int32Array>
  pieces(): Promise<Uint8Array[]>
  /** How busy it is: for queues in front of it and for /slots. */
  stats(): GeneratorStats
}

export interface GeneratorStats {
  readonly slotCount: number
  readonly running: number
  readonly queued: number
}
