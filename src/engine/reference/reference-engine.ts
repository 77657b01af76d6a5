/** The reference driver: plain TypeScript, no native code, for small models. Computes with float32 weights. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '../../base/app-error.ts'
import { cancelled } from '../../base/retry.ts'
import { type Adapter, readAdapter } from '../adapter-files.ts'
import { verifySlot, verifySteps, verifyTokens } from '../decode-steps.ts'
import { widenFloats } from '../float-widths.ts'
import { ModelDirectory } from '../model-directory.ts'
import { linearShapes } from '../model-tensors.ts'
import { readTensor } from '../tensor-files.ts'
import type * as seam from '../token-engine.ts'
import { type ForwardModel, forward, headLogits, type ScaledPair } from './forward.ts'
import { KvCache } from './kv-cache.ts'

const WEIGHT_BYTES_MAX = 512 * 1024 * 1024
const BATCH_TOKENS_MAX = 512

export class ReferenceEngine implements seam.TokenEngine {
  readonly name = 'reference'

  async load(weights: seam.WeightsOnDisk, options: seam.ModelOptions = {}): Promise<seam.TokenModel> {
    if (weights.kind !== 'hf-directory' || (weights.dtype !== 'keep' && weights.dtype !== 'f32')) {
      const message = `The reference computes safetensors in float32 only, not ${weights.kind} as ${weights.dtype}`
      throw new AppError('unsupported', 'ENGINE_WEIGHTS_UNSUPPORTED', message)
    }
    using directory = new ModelDirectory(weights.path)
    if (directory.weightBytes > WEIGHT_BYTES_MAX) {
      const message = `${directory.weightBytes} bytes of weights are too many for the reference, at most ${WEIGHT_BYTES_MAX}`
      throw new AppError('too-large', 'MODEL_TOO_LARGE', message)
    }
    return new ReferenceModel(directory, options, weights.commit ?? null)
  }
}

class ReferenceModel implements seam.TokenModel {
  readonly info: seam.ModelInfo
  readonly #base: ForwardModel
  readonly #slots: readonly KvCache[]
  readonly #batchTokensMax: number
  readonly #adapters = new Map<string, Adapter>()
  readonly #commit: string | null

  constructor({ config, tensors, stopTokens }: ModelDirectory, options: seam.ModelOptions, commit: string | null) {
    const contextTokens = Math.min(options.contextTokens ?? 4096, config.contextTokens)
    this.info = {
      architecture: config.family,
      ...{ vocabSize: config.vocabSize, hiddenSize: config.hiddenSize, layerCount: config.layerCount },
      ...{ contextTokens, trainedContextTokens: config.contextTokens, slotCount: options.slotCount ?? 1, stopTokens },
      warnings: config.warnings,
    }
    const floats = [...tensors].map(([name, tensor]) => [name, widenFloats(readTensor(tensor), tensor.dtype)] as const)
    this.#base = { config, weights: new Map(floats), pairs: new Map() }
    this.#slots = Array.from({ length: this.info.slotCount }, () => this.#newCache())
    this.#batchTokensMax = options.batchTokensMax ?? BATCH_TOKENS_MAX
    this.#commit = commit
  }

  caps(): seam.EngineCaps {
    const embeddings = ['mean', 'last'] as const
    return { adapters: 'stacked', batchTokensMax: this.#batchTokensMax, embeddings, vocabulary: false, slotCopy: true }
  }

  async decode(steps: readonly seam.DecodeStep[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    const hasAdapter = (id: string) => this.#adapters.has(id)
    const heldBy = (slot: number) => this.#slot(slot).tokenCount
    verifySteps(steps, { info: this.info, batchTokensMax: this.#batchTokensMax, hasAdapter, heldBy })
    const before = this.#slots.map(({ tokenCount }) => tokenCount)
    const added = steps.reduce((sum, { tokens }) => sum + tokens.length, 0)
    if (before.reduce((sum, count) => sum + count, added) > this.info.contextTokens) {
      const message = `The ${this.info.contextTokens} tokens of context are used up`
      throw new AppError('too-large', 'ENGINE_CONTEXT_FULL', message)
    }
    try {
      const results: Float32Array[] = []
      for (const step of steps) results.push(await this.#run(step, signal))
      return results
    } catch (error) {
      for (const { slot } of steps) this.#slot(slot).tokenCount = before[slot] as number
      throw signal?.aborted === true ? cancelled(error) : error
    }
  }

  async #run({ slot, tokens, adapters, logits }: seam.DecodeStep, signal?: AbortSignal): Promise<Float32Array> {
    const model = this.#with(adapters)
    const hidden = await forward(model, this.#slot(slot), tokens, async () => {
      await nextTurn()
      signal?.throwIfAborted()
    })
    if (logits === 'none') return new Float32Array(0)
    return headLogits(model, logits === 'all' ? hidden : hidden.slice(-this.info.hiddenSize))
  }

  #with(adapters: seam.AdapterSet): ForwardModel {
    const pairs = new Map<string, ScaledPair[]>()
    for (const { id, weight } of adapters) {
      for (const [module, { a, b, scale }] of this.#adapters.get(id) ?? []) {
        pairs.set(module, [...(pairs.get(module) ?? []), { a, b, scale: scale * weight }])
      }
    }
    return { ...this.#base, pairs }
  }

  slotTokenCount(slot: number): number {
    return this.#slot(slot).tokenCount
  }

  async truncateSlot(slot: number, tokenCount: number): Promise<number> {
    const cache = this.#slot(slot)
    cache.tokenCount = Math.min(cache.tokenCount, tokenCount)
    return cache.tokenCount
  }

  async copySlot({ from, to, tokenCount }: { from: number; to: number; tokenCount: number }): Promise<number> {
    const source = this.#slot(from)
    this.#slot(to).copyFrom(source, Math.min(source.tokenCount, tokenCount))
    return this.#slot(to).tokenCount
  }

  async attachAdapter({ id, path }: seam.AdapterOnDisk): Promise<void> {
    if (this.#adapters.has(id)) return
    const shapes = linearShapes(this.#base.config)
    const shapeOf = (module: string) => {
      const [, layer, rest = ''] = /^model\.layers\.(\d+)\.(.+)$/.exec(module) ?? []
      return Number(layer) < this.info.layerCount ? (shapes.get(rest) ?? null) : null
    }
    this.#adapters.set(id, readAdapter(path, { shapeOf, commit: this.#commit }))
  }

  async detachAdapter(id: string): Promise<void> {
    this.#adapters.delete(id)
  }

  async embed(sequences: readonly ArrayLike<number>[], pooling: seam.Pooling): Promise<Float32Array[]> {
    const { hiddenSize } = this.info
    const vectors: Float32Array[] = []
    for (const tokens of sequences) {
      verifyTokens(tokens, this.info)
      const hidden = await forward(this.#base, this.#newCache(), tokens, async () => {
        await nextTurn()
      })
      const rows = pooling === 'last' ? hidden.slice(-hiddenSize) : hidden
      const count = rows.length / hiddenSize
      vectors.push(Float32Array.from({ length: hiddenSize }, (_, i) => meanOf(rows, i, count)))
    }
    return vectors
  }

  async tokenize(): Promise<Int32Array> {
    throw noVocabulary()
  }

  async pieces(): Promise<Uint8Array[]> {
    throw noVocabulary()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#adapters.clear()
  }

  #newCache(): KvCache {
    const { layerCount, kvHeadCount, headSize } = this.#base.config
    return new KvCache(layerCount, kvHeadCount * headSize)
  }

  #slot(slot: number): KvCache {
    verifySlot(slot, this.info)
    return this.#slots[slot] as KvCache
  }
}

function meanOf(rows: Float32Array, column: number, count: number): number {
  const stride = rows.length / count
  let sum = 0
  for (let row = 0; row < count; row++) sum += rows[row * stride + column] as number
  return sum / count
}

function noVocabulary(): AppError {
  return new AppError(
    'unsupported',
    'ENGINE_NO_VOCABULARY',
    'These weights bring no vocabulary: use their tokenizer.json',
  )
}
