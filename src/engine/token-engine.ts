/**
 * The seam of whatever turns tokens into logits. A driver (llama.cpp, the plain reference) loads weights from disk; the
 * loaded model holds a number of slots, each the KV cache of one token sequence, and goes forward in calls that may
 * serve many slots at once, each with its own adapters. Text, templates, sampling and scheduling live above it.
 *
 * One user at a time: the next call of a model may begin when the one before has settled. A slot grows only through
 * `decode`, and only at its end; a driver never drops or moves tokens by itself.
 */
export interface WeightsOnDisk {
  readonly kind: 'hf-directory' | 'gguf'
  /** The directory with config.json, or a GGUF file: of a split model its first part. */
  readonly path: string
  /** What the weights are held as: as on disk, widened to float32, or quantised on load. */
  readonly dtype: WeightsDtype
  /** The commit they are of, where known: an adapter that records another one is not attached. */
  readonly commit?: string
}

export type WeightsDtype = 'keep' | 'f32' | 'q8_0' | 'q4_k_m'

export interface ModelOptions {
  /** Tokens of all slots together; at most what the model was made for. */
  readonly contextTokens?: number
  readonly slotCount?: number
  readonly threadCount?: number
  /** Type of the KV cache; `f32` also switches flash attention off: for exact comparisons. */
  readonly kvType?: 'f32' | 'f16'
  /** Most tokens of one call of `decode`. */
  readonly batchTokensMax?: number
  /** A model that needs more is refused before it is loaded; absent: what the system has left. */
  readonly memoryBytesMax?: number
  /** Where quantised weights are kept; needed to quantise. */
  readonly cacheFolder?: string
  /** For files that native code must read by name; nothing stays in it. */
  readonly scratchFolder?: string
}

export interface TokenEngine {
  readonly name: string
  load(weights: WeightsOnDisk, options?: ModelOptions, signal?: AbortSignal): Promise<TokenModel>
}

/** What a driver can do: decides which tests of the suite apply, and what the layers above may offer. */
export interface EngineCaps {
  /** How many adapters a sequence may have at once. */
  readonly adapters: 'none' | 'one' | 'stacked'
  /** Most tokens of one call of `decode`, over all its steps. */
  readonly batchTokensMax: number
  readonly embeddings: readonly Pooling[]
  /** `tokenize` and `pieces` work: the weights bring a vocabulary (GGUF files do). */
  readonly vocabulary: boolean
  /** A slot's tokens can be given to another slot without computing them again. */
  readonly slotCopy: boolean
}

export type Pooling = 'mean' | 'last'

export interface ModelInfo {
  /** As llama.cpp calls it: `llama`, `qwen3`, … */
  readonly architecture: string
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly layerCount: number
  /** Tokens that all slots can hold together; they may share it in any proportion. */
  readonly contextTokens: number
  /** What the model was made for: more than that in one sequence is nonsense. */
  readonly trainedContextTokens: number
  readonly slotCount: number
  /** End of turn or text, as far as the weights say it (config.json, GGUF keys). */
  readonly stopTokens: readonly number[]
  /** What whoever loads it should know: something it asks for is left out. */
  readonly warnings?: readonly string[]
}

/** A LoRA on disk: a PEFT directory, or `NN_name.safetensors` beside `NN_name.config.json`. */
export interface AdapterOnDisk {
  /** Names these bytes: another content is another id. */
  readonly id: string
  readonly path: string
}

/** An attached adapter with its weight: 1 as trained, 0.5 half of it. */
export interface AdapterUse {
  readonly id: string
  readonly weight: number
}

export type AdapterSet = readonly AdapterUse[]

/** KV is valid only under the adapters it was computed with: compare these keys before it is used again. */
export function adapterSetKey(adapters: AdapterSet): string {
  return JSON.stringify(adapters.filter(({ weight }) => weight !== 0).map(({ id, weight }) => [id, weight]))
}

/** Append `tokens` to what a slot holds. */
export interface DecodeStep {
  readonly slot: number
  /** At least one. */
  readonly tokens: ArrayLike<number>
  readonly adapters: AdapterSet
  /** After which of the tokens logits are wanted: none (prefill), the last, or every one. */
  readonly logits: 'none' | 'last' | 'all'
}

export interface TokenModel extends AsyncDisposable {
  readonly info: ModelInfo
  caps(): EngineCaps

  /**
   * Goes forward by all steps, each of another slot, `caps().batchTokensMax` tokens at most. Steps with different
   * adapters are allowed; a driver may run them one group after the other.
   *
   * Returns, for each step in its order, [rows x vocabSize] float32 before any sampling (no row for `none`), which are
   * the caller's. They may hold NaN if weights are broken: whoever samples checks.
   *
   * A slot holds at most `info.trainedContextTokens`, all of them together `info.contextTokens`: beyond either the call
   * rejects with ENGINE_CONTEXT_FULL.
   *
   * An abort stops within about one layer's time and rejects with CANCELLED; it ends the whole call, so give a signal
   * only where all steps may go. After any rejection every slot of the call holds what it held before.
   */
  decode(steps: readonly DecodeStep[], signal?: AbortSignal): Promise<readonly Float32Array[]>

  /** How many tokens the slot holds. */
  slotTokenCount(slot: number): number
  /** Keeps the first `tokenCount` tokens; returns how many are kept (0 where a cache cannot lose its end alone). */
  truncateSlot(slot: number, tokenCount: number): Promise<number>
  /** Makes `to` hold the first `tokenCount` tokens of `from`, free of charge; returns how many it holds. */
  copySlot(copy: { readonly from: number; readonly to: number; readonly tokenCount: number }): Promise<number>

  /** Checks names, ranks, shapes and numbers against the base, then makes the adapter usable; again is no error. */
  attachAdapter(adapter: AdapterOnDisk): Promise<void>
  /** No step may use it afterwards; not attached is no error. */
  detachAdapter(id: string): Promise<void>

  /** One vector a sequence, not normalised. Slots are untouched. For `caps().embeddings` only. */
  embed(sequences: readonly ArrayLike<number>[], pooling: Pooling): Promise<Float32Array[]>

  /** For `caps().vocabulary` only. `special` reads `<|im_end|>` and the like in the text as the tokens they name. */
  tokenize(text: string, options: { readonly special: boolean; readonly addBos: boolean }): Promise<Int32Array>
  /** The bytes of every token, by id; empty for control tokens. For `caps().vocabulary` only. */
  pieces(): Promise<Uint8Array[]>
}
