/** The llama.cpp driver. Runs inside the engine's own process, since a native assertion ends the process it is in. */
import { availableParallelism, loadavg } from 'node:os'
import { AppError } from '../../base/app-error.ts'
import type { ModelOptions, TokenEngine, TokenModel, WeightsOnDisk } from '../token-engine.ts'
import { AbortFlag } from './abort-flag.ts'
import { LlamaModel } from './llama-model.ts'
import { loadWeights } from './load-model.ts'
import { startNative } from './native.ts'

const CONTEXT_TOKENS_DEFAULT = 4096
const BATCH_TOKENS_DEFAULT = 512
const F32 = 0
const F16 = 1

export class LlamaEngine implements TokenEngine {
  readonly name = 'llama'

  async load(weights: WeightsOnDisk, options: ModelOptions = {}): Promise<TokenModel> {
    const native = startNative()
    const { slotCount = 1, batchTokensMax = BATCH_TOKENS_DEFAULT, kvType = 'f16' } = options
    const isExact = kvType === 'f32'
    const wanted = options.contextTokens ?? CONTEXT_TOKENS_DEFAULT
    const memoryBytesMax = options.memoryBytesMax ?? process.availableMemory()
    const memory = { contextTokens: wanted, kvBytesEach: isExact ? 4 : 2, memoryBytesMax } as const
    const threads = options.threadCount ?? defaultThreads(availableParallelism(), loadavg()[0] ?? 0)
    const cacheFolder = options.cacheFolder ?? null
    const loaded = await loadWeights(native, weights, { memory, threadCount: threads, cacheFolder })
    const abort = new AbortFlag(native)
    const params = {
      ...native.contextParams(),
      ...{ n_batch: batchTokensMax, n_ubatch: batchTokensMax, n_seq_max: slotCount },
      n_ctx: Math.min(wanted, loaded.trainedContextTokens * slotCount),
      ...{ n_threads: threads, n_threads_batch: threads, no_perf: true, kv_unified: true },
      ...{ abort_callback: abort.callback, abort_callback_data: abort.data },
      ...(isExact ? { type_k: F32, type_v: F32, flash_attn_type: 0 } : { type_k: F16, type_v: F16 }),
    }
    const context = native.contextNew(loaded.model, params)
    if (context === null) {
      native.modelFree(loaded.model)
      throw new AppError('too-large', 'ENGINE_CONTEXT_REFUSED', `llama.cpp makes no context: ${native.takeLog()}`)
    }
    const commit = weights.commit ?? null
    return new LlamaModel(
      { native, loaded, context, params, abort, slotCount, batchTokensMax, commit },
      options.scratchFolder,
    )
  }
}

/** Threads that wait for each other spin: on a machine that is busy anyway, more of them are slower than one. */
export function defaultThreads(cores: number, load: number): number {
  return load > cores / 2 ? 1 : Math.max(1, cores - 1)
}
