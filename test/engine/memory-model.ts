/**
 * A TokenModel without weights: the logits after a token follow from all tokens its slot holds and the adapters each was
 * computed with, so a cache that is used where it must not be shows in the very next token. It holds its user to the
 * seam's rules: one call at a time, rows read before the next call, no more tokens than the context has.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { cancelled } from '../../src/base/retry.ts'
import { verifySlot, verifySteps } from '../../src/engine/decode-steps.ts'
import {
  adapterSetKey,
  type DecodeStep,
  type EngineCaps,
  type ModelInfo,
  type TokenModel,
} from '../../src/engine/token-engine.ts'

export interface MemoryModelOptions {
  readonly vocabSize?: number
  readonly slotCount?: number
  readonly contextTokens?: number
  readonly batchTokensMax?: number
  readonly slotCopy?: boolean
  /** Runs in each call for each token, before it is stored: to wait, or to fail. */
  readonly onToken?: (token: number, signal: AbortSignal | undefined) => Promise<void> | void
  /** After this token all logits are NaN. */
  readonly nanToken?: number
}

interface Cell {
  readonly token: number
  /** Of this and all before it, with the adapters of each. */
  readonly hash: number
}

const TRAINED_TOKENS = 100_000

export class MemoryModel implements TokenModel {
  readonly info: ModelInfo
  /** Steps of each call so far. */
  readonly calls: (readonly DecodeStep[])[] = []
  readonly attached = new Set<string>()
  isDisposed = false
  readonly #options: MemoryModelOptions
  readonly #slots: Cell[][]
  #rows: readonly Float32Array[] = []
  #isBusy = false

  constructor(options: MemoryModelOptions = {}) {
    const { vocabSize = 64, slotCount = 4, contextTokens = 4096 } = options
    this.#options = options
    this.info = {
      ...{ architecture: 'memory', vocabSize, hiddenSize: 8, layerCount: 1, contextTokens, slotCount },
      ...{ trainedContextTokens: TRAINED_TOKENS, stopTokens: [0] },
    }
    this.#slots = Array.from({ length: slotCount }, () => [])
  }

  caps(): EngineCaps {
    const { batchTokensMax = 256, slotCopy = true } = this.#options
    return { adapters: 'stacked', batchTokensMax, embeddings: ['mean'], vocabulary: true, slotCopy }
  }

  decode(steps: readonly DecodeStep[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    return this.#alone(async () => {
      const { batchTokensMax } = this.caps()
      verifySteps(steps, {
        info: this.info,
        batchTokensMax,
        hasAdapter: (id) => this.attached.has(id),
        heldBy: (slot) => this.#slot(slot).length,
      })
      this.calls.push(steps)
      const before = steps.map(({ slot }) => this.#slot(slot).length)
      try {
        const rows: Float32Array[] = []
        for (const step of steps) rows.push(await this.#append(step, signal))
        this.#rows = rows
        return rows
      } catch (error) {
        for (const [i, { slot }] of steps.entries()) this.#slot(slot).length = before[i] as number
        throw signal?.aborted ? cancelled(error) : error
      }
    })
  }

  slotTokenCount(slot: number): number {
    return this.#slot(slot).length
  }

  truncateSlot(slot: number, tokenCount: number): Promise<number> {
    return this.#alone(async () => {
      const cells = this.#slot(slot)
      cells.length = Math.min(cells.length, tokenCount)
      return cells.length
    })
  }

  copySlot({ from, to, tokenCount }: { from: number; to: number; tokenCount: number }): Promise<number> {
    return this.#alone(async () => {
      if (!this.caps().slotCopy) throw new Error('cannot copy slots')
      const cells = this.#slot(from).slice(0, tokenCount)
      this.#slot(to).splice(0, Number.POSITIVE_INFINITY, ...cells)
      return cells.length
    })
  }

  attachAdapter({ id }: { readonly id: string }): Promise<void> {
    return this.#alone(async () => void this.attached.add(id))
  }

  detachAdapter(id: string): Promise<void> {
    return this.#alone(async () => void this.attached.delete(id))
  }

  embed(sequences: readonly ArrayLike<number>[]): Promise<Float32Array[]> {
    return this.#alone(async () => sequences.map((tokens) => Float32Array.of(tokens.length)))
  }

  tokenize(text: string): Promise<Int32Array> {
    return this.#alone(async () => Int32Array.from(Buffer.from(text)))
  }

  pieces(): Promise<Uint8Array[]> {
    return this.#alone(async () => Array.from({ length: this.info.vocabSize }, (_, byte) => Uint8Array.of(byte)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true
  }

  async #alone<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new Error('a call began before the one before had settled')
    this.#isBusy = true
    for (const row of this.#rows) row.fill(Number.NaN)
    try {
      await nextTurn()
      return await call()
    } finally {
      this.#isBusy = false
    }
  }

  async #append(
    { slot, tokens, adapters, logits }: DecodeStep,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const cells = this.#slot(slot)
    const key = Buffer.from(adapterSetKey(adapters))
    const rows: Float32Array[] = []
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i] as number
      await this.#options.onToken?.(token, signal)
      signal?.throwIfAborted()
      let hash = cells.at(-1)?.hash ?? 0x811c9dc5
      for (const value of [token, ...key]) hash = Math.imul(hash ^ (value + 1), 0x01000193)
      cells.push({ token, hash })
      if (this.#heldTokens() > this.info.contextTokens) throw new Error('the context is used up')
      if (logits === 'all' || (logits === 'last' && i === tokens.length - 1)) rows.push(this.#logitsOf(cells))
    }
    const { vocabSize } = this.info
    const all = new Float32Array(rows.length * vocabSize)
    for (const [i, row] of rows.entries()) all.set(row, i * vocabSize)
    return all
  }

  #logitsOf(cells: readonly Cell[]): Float32Array {
    const { token: last, hash } = cells.at(-1) as Cell
    if (last === this.#options.nanToken) return new Float32Array(this.info.vocabSize).fill(Number.NaN)
    return Float32Array.from({ length: this.info.vocabSize }, (_, token) => {
      const mixed = Math.imul(hash ^ Math.imul(token + 1, 0x9e3779b1), 0x85ebca6b)
      return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 29
    })
  }

  #heldTokens(): number {
    return this.#slots.reduce((sum, cells) => sum + cells.length, 0)
  }

  #slot(slot: number): Cell[] {
    verifySlot(slot, this.info)
    return this.#slots[slot] as Cell[]
  }
}
