/** A model in llama.cpp: one context whose sequences are the slots, in one KV cache that they share. */
import { AppError } from '../../base/app-error.ts'
import { cancelled } from '../../base/retry.ts'
import { verifySlot, verifySteps, verifyTokens } from '../decode-steps.ts'
import * as seam from '../token-engine.ts'
import type { AbortFlag } from './abort-flag.ts'
import { AttachedAdapters } from './attached-adapters.ts'
import type { Pointer } from './libraries.ts'
import { LlamaVocabulary } from './llama-vocabulary.ts'
import type { LoadedWeights } from './load-model.ts'
import type { Native } from './native.ts'
import { isLlamaArchitecture } from './tensor-names.ts'
import { TokenBatch } from './token-batch.ts'

const DONE = 0
const NO_ROOM = 1
const ABORTED = 2
const POOLING: Readonly<Record<seam.Pooling, number>> = { mean: 1, last: 3 }
const TO_THE_END = -1

export interface LlamaParts {
  readonly native: Native
  readonly loaded: LoadedWeights
  readonly context: Pointer
  /** What the context was made with. */
  readonly params: Readonly<Record<string, unknown>>
  readonly abort: AbortFlag
  readonly slotCount: number
  readonly batchTokensMax: number
  readonly commit: string | null
}

export class LlamaModel implements seam.TokenModel {
  readonly info: seam.ModelInfo
  readonly #parts: LlamaParts
  readonly #memory: Pointer
  readonly #batch: TokenBatch
  readonly #vocabulary: LlamaVocabulary
  readonly #adapters: AttachedAdapters
  readonly #tokenCounts: number[]
  #running: Promise<unknown> | null = null

  constructor(parts: LlamaParts, scratchFolder?: string) {
    const { native, loaded, context, slotCount } = parts
    this.#parts = parts
    this.#memory = native.memoryOf(context)
    this.#batch = new TokenBatch(native, parts.batchTokensMax)
    this.#vocabulary = new LlamaVocabulary(native, loaded.model)
    this.#tokenCounts = new Array(slotCount).fill(0)
    this.info = {
      ...{ architecture: loaded.architecture, slotCount, stopTokens: loaded.stopTokens },
      ...{ vocabSize: this.#vocabulary.size, trainedContextTokens: loaded.trainedContextTokens },
      warnings: loaded.warnings,
      hiddenSize: native.hiddenSizeOf(loaded.model),
      layerCount: native.layerCountOf(loaded.model),
      contextTokens: native.contextTokensOf(context),
    }
    const heads = { headCount: native.headCountOf(loaded.model), kvHeadCount: native.kvHeadCountOf(loaded.model) }
    const base = {
      model: loaded.model,
      architecture: loaded.architecture,
      shapeOf: loaded.shapeOf,
      commit: parts.commit,
    }
    this.#adapters = new AttachedAdapters(native, { ...base, ...heads }, scratchFolder)
  }

  caps(): seam.EngineCaps {
    return {
      adapters: isLlamaArchitecture(this.info.architecture) ? 'stacked' : 'none',
      batchTokensMax: this.#parts.batchTokensMax,
      embeddings: ['mean', 'last'],
      vocabulary: this.#vocabulary.isPresent,
      slotCopy: true,
    }
  }

  async decode(steps: readonly seam.DecodeStep[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    this.#verifyIdle()
    if (isAborted(signal)) throw cancelled(signal?.reason)
    const { abort, batchTokensMax } = this.#parts
    const hasAdapter = (id: string) => this.#adapters.has(id)
    const heldBy = (slot: number) => this.#tokenCounts[slot] ?? 0
    verifySteps(steps, { info: this.info, batchTokensMax, hasAdapter, heldBy })
    const onAbort = () => abort.raise()
    abort.lower()
    signal?.addEventListener('abort', onAbort, { once: true })
    const running = this.#decodeGroups(steps)
    this.#running = running
    try {
      return await running
    } catch (error) {
      for (const { slot } of steps) this.#native.memoryRemove(this.#memory, slot, heldBy(slot), TO_THE_END)
      throw isAborted(signal) ? cancelled(error) : error
    } finally {
      this.#running = null
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** One pass for each set of adapters. */
  async #decodeGroups(steps: readonly seam.DecodeStep[]): Promise<readonly Float32Array[]> {
    const groups = [...Map.groupBy(steps, ({ adapters }) => seam.adapterSetKey(adapters)).values()]
    const results = new Map<seam.DecodeStep, Float32Array>()
    for (const group of groups) {
      this.#adapters.activate(this.#parts.context, group[0]?.adapters ?? [])
      for (const [step, rows] of await this.#pass(group)) results.set(step, rows)
    }
    for (const { slot, tokens } of steps) this.#tokenCounts[slot] = (this.#tokenCounts[slot] as number) + tokens.length
    return steps.map((step) => results.get(step) as Float32Array)
  }

  async #pass(steps: readonly seam.DecodeStep[]): Promise<Map<seam.DecodeStep, Float32Array>> {
    this.#batch.clear()
    for (const { slot, tokens, logits } of steps) {
      const first = this.#tokenCounts[slot] as number
      for (let i = 0; i < tokens.length; i++) {
        const isWanted = logits === 'all' || (logits === 'last' && i === tokens.length - 1)
        this.#batch.add({ token: tokens[i] as number, position: first + i, sequence: slot, isWanted })
      }
    }
    this.#verifyStatus(await this.#native.decode(this.#parts.context, this.#batch.raw))
    const rowCounts = steps.map(({ tokens, logits }) => (logits === 'all' ? tokens.length : logits === 'last' ? 1 : 0))
    const total = rowCounts.reduce((sum, count) => sum + count, 0)
    const { vocabSize } = this.info
    const rows = new Map<seam.DecodeStep, Float32Array>()
    // Rows come in the order of the batch. The next pass writes over them, or frees them.
    const all =
      total === 0 ? new Float32Array(0) : this.#floats(this.#native.logits(this.#parts.context), total * vocabSize)
    let start = 0
    for (const [index, step] of steps.entries()) {
      const end = start + (rowCounts[index] as number) * vocabSize
      rows.set(step, all.slice(start, end))
      start = end
    }
    return rows
  }

  #verifyStatus(status: number): void {
    if (status === DONE) return
    if (status === ABORTED) throw new AppError('cancelled', 'CANCELLED', 'The pass was aborted')
    if (status === NO_ROOM) {
      throw new AppError(
        'too-large',
        'ENGINE_CONTEXT_FULL',
        `The ${this.info.contextTokens} tokens of context are used up`,
      )
    }
    throw new AppError('bug', 'ENGINE_FAILED', `llama.cpp fails with ${status}: ${this.#native.takeLog()}`)
  }

  slotTokenCount(slot: number): number {
    verifySlot(slot, this.info)
    return this.#tokenCounts[slot] as number
  }

  async truncateSlot(slot: number, tokenCount: number): Promise<number> {
    this.#verifyIdle()
    const held = this.slotTokenCount(slot)
    if (tokenCount >= held) return held
    const isDone = this.#native.memoryRemove(this.#memory, slot, tokenCount, TO_THE_END)
    if (!isDone) this.#native.memoryRemove(this.#memory, slot, 0, TO_THE_END)
    this.#tokenCounts[slot] = isDone ? tokenCount : 0
    return this.#tokenCounts[slot] as number
  }

  async copySlot({ from, to, tokenCount }: { from: number; to: number; tokenCount: number }): Promise<number> {
    this.#verifyIdle()
    const count = Math.min(this.slotTokenCount(from), tokenCount)
    verifySlot(to, this.info)
    if (from === to) return this.truncateSlot(to, count)
    this.#native.memoryRemove(this.#memory, to, 0, TO_THE_END)
    this.#native.memoryCopy(this.#memory, from, to, 0, count)
    this.#tokenCounts[to] = count
    return count
  }

  async attachAdapter(adapter: seam.AdapterOnDisk): Promise<void> {
    this.#verifyIdle()
    if (this.caps().adapters === 'none') {
      const message = `Adapters are not attached to models of the architecture ${this.info.architecture}`
      throw new AppError('unsupported', 'ADAPTER_KIND_UNSUPPORTED', message)
    }
    this.#adapters.attach(adapter)
  }

  async detachAdapter(id: string): Promise<void> {
    this.#verifyIdle()
    this.#adapters.detach(id, this.#parts.context)
  }

  async embed(sequences: readonly ArrayLike<number>[], pooling: seam.Pooling): Promise<Float32Array[]> {
    this.#verifyIdle()
    const longest = sequences.reduce((most, { length }) => Math.max(most, length), 1)
    for (const tokens of sequences) verifyTokens(tokens, this.info)
    if (longest > this.info.trainedContextTokens) {
      const message = `A sequence of ${longest} tokens is longer than the ${this.info.trainedContextTokens} of the model`
      throw new AppError('too-large', 'ENGINE_CONTEXT_FULL', message)
    }
    const running = this.#embedEach(sequences, longest, pooling)
    this.#running = running
    try {
      return await running
    } finally {
      this.#running = null
    }
  }

  /** In a context of its own: pooling is fixed in one, and a mean needs its whole sequence in one pass. */
  async #embedEach(
    sequences: readonly ArrayLike<number>[],
    longest: number,
    pooling: seam.Pooling,
  ): Promise<Float32Array[]> {
    const native = this.#native
    const sizes = { n_ctx: longest, n_batch: longest, n_ubatch: longest, n_seq_max: 1 }
    const params = { ...this.#parts.params, ...sizes, embeddings: true, pooling_type: POOLING[pooling] }
    this.#parts.abort.lower()
    const context = native.contextNew(this.#parts.loaded.model, params)
    if (context === null) throw new AppError('too-large', 'ENGINE_CONTEXT_REFUSED', `No context: ${native.takeLog()}`)
    const batch = new TokenBatch(native, longest)
    try {
      const vectors: Float32Array[] = []
      for (const tokens of sequences) {
        native.memoryClear(native.memoryOf(context), true)
        batch.clear()
        for (let i = 0; i < tokens.length; i++) {
          batch.add({ token: tokens[i] as number, position: i, sequence: 0, isWanted: true })
        }
        this.#verifyStatus(await native.decode(context, batch.raw))
        vectors.push(this.#floats(native.embeddingsOf(context, 0), this.info.hiddenSize).slice())
      }
      return vectors
    } finally {
      batch.free()
      native.contextFree(context)
    }
  }

  async tokenize(text: string, options: { readonly special: boolean; readonly addBos: boolean }): Promise<Int32Array> {
    return this.#vocabulary.tokenize(text, options)
  }

  async pieces(): Promise<Uint8Array[]> {
    return this.#vocabulary.pieces()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.abort.raise()
    await this.#running?.then(nothing, nothing)
    this.#batch.free()
    this.#native.contextFree(this.#parts.context)
    this.#adapters.free()
    this.#native.modelFree(this.#parts.loaded.model)
  }

  get #native(): Native {
    return this.#parts.native
  }

  #floats(pointer: Pointer, count: number): Float32Array {
    if (pointer === null)
      throw new AppError('bug', 'ENGINE_FAILED', `llama.cpp gives no numbers: ${this.#native.takeLog()}`)
    return new Float32Array(this.#native.koffi.view(pointer, count * 4))
  }

  #verifyIdle(): void {
    if (this.#running !== null)
      throw new AppError('bug', 'ENGINE_MISUSED', 'A call of the model began before the last had ended')
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

/** Whatever the last call came to, it is over. */
function nothing(): null {
  return null
}
