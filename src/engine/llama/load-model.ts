/**
 * Weights on disk into llama.cpp: a Hugging Face directory through a GGUF header in memory and a callback that hands
 * over each tensor's bytes (no GGUF file is written), a GGUF file by mapping it. Headers are checked before either.
 */
import { basename } from 'node:path'
import { AppError } from '../../base/app-error.ts'

import { readGgufHeaders } from '../gguf-file.ts'
import { ModelDirectory } from '../model-directory.ts'
import { linearShapes } from '../model-tensors.ts'
import type { WeightsOnDisk } from '../token-engine.ts'
import { encodeGgufHeader } from './gguf-writer.ts'
import type { Pointer } from './libraries.ts'
import { type MemoryNeed, verifyMemory } from './memory-need.ts'
import type { Native } from './native.ts'
import { type PlannedModel, planModel } from './plan-model.ts'
import { quantiseWeights } from './quantised-weights.ts'
import { findLlamaName, isLlamaArchitecture } from './tensor-names.ts'

export interface LoadedWeights {
  readonly model: Pointer
  readonly architecture: string
  readonly stopTokens: readonly number[]
  readonly trainedContextTokens: number
  readonly warnings: readonly string[]
  /** Outputs and inputs of a linear module, by its Hugging Face name; null where there is none. */
  shapeOf(module: string): readonly [outputs: number, inputs: number] | null
}

export interface LoadNeeds {
  readonly memory: MemoryNeed
  readonly threadCount: number
  readonly cacheFolder: string | null
}

export async function loadWeights(native: Native, weights: WeightsOnDisk, needs: LoadNeeds): Promise<LoadedWeights> {
  const { memory, cacheFolder, threadCount } = needs
  // Of a model before.
  native.takeLog()
  if (weights.kind === 'gguf') return loadGguf(native, weights, memory)
  using directory = new ModelDirectory(weights.path)
  if (weights.dtype === 'q8_0' || weights.dtype === 'q4_k_m') {
    if (cacheFolder === null) {
      const message = `${weights.path} is quantised only where there is a folder to keep the result in`
      throw new AppError('usage', 'ENGINE_WEIGHTS_UNSUPPORTED', message)
    }
    const path = await quantiseWeights(native, directory, { type: weights.dtype, cacheFolder, threadCount })
    const { trainedContextTokens } = planModel(directory, 'keep')
    const loaded = loadGguf(native, { kind: 'gguf', path, dtype: 'keep' }, memory)
    const { stopTokens, config } = directory
    return { ...loaded, trainedContextTokens, stopTokens, warnings: config.warnings }
  }
  const dtype = weights.dtype === 'f32' ? 'f32' : 'keep'
  const planned = planModel(directory, dtype)
  const widening = dtype === 'f32' ? 2 : 1
  verifyMemory(weights.path, { ...memory, weightBytes: directory.weightBytes * widening, ...directory.config })
  const { config, stopTokens } = directory
  const shapes = linearShapes(config)
  return {
    model: fromTensors(native, planned),
    architecture: planned.architecture,
    trainedContextTokens: planned.trainedContextTokens,
    ...{ stopTokens, warnings: config.warnings },
    shapeOf: (module) => {
      const [, layer, rest = ''] = /^model\.layers\.(\d+)\.(.+)$/.exec(module) ?? []
      return Number(layer) < config.layerCount ? (shapes.get(rest) ?? null) : null
    },
  }
}

function fromTensors(native: Native, { values, tensors }: PlannedModel): Pointer {
  const header = encodeGgufHeader(values, tensors)
  const gguf = native.ggufFromBuffer(header, header.length, { no_alloc: true, ctx: null })
  if (gguf === null) throw loadFailed(native, 'its header')
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const errors: unknown[] = []
  const setTensor = (tensor: Pointer) => {
    // Nothing may be thrown through native code: the first error is kept, the rest of the tensors stay empty.
    try {
      if (errors.length > 0) return
      const name = native.tensorName(tensor)
      const bytes = byName.get(name)?.read()
      if (bytes?.length !== Number(native.tensorBytes(tensor))) throw new Error(`${bytes?.length} bytes for ${name}`)
      native.tensorSet(tensor, bytes, 0, bytes.length)
    } catch (error) {
      errors.push(error)
    }
  }
  const callback = native.koffi.register(setTensor, 'set_tensor*')
  const params = { ...native.modelParams(), use_extra_bufts: false, n_gpu_layers: 0 }
  const model = native.modelFromUser(gguf, callback, null, params)
  native.koffi.unregister(callback)
  native.ggufFree(gguf)
  if (model !== null && errors.length === 0) return model
  if (model !== null) native.modelFree(model)
  throw errors[0] instanceof AppError ? errors[0] : loadFailed(native, 'its tensors', errors[0])
}

function loadGguf(native: Native, { path, dtype }: WeightsOnDisk, memory: MemoryNeed): LoadedWeights {
  if (dtype !== 'keep') {
    const message = `${path} is a GGUF file: it is run in the types it holds, not as ${dtype}`
    throw new AppError('unsupported', 'ENGINE_WEIGHTS_UNSUPPORTED', message)
  }
  const { header, weightBytes } = readGgufHeaders(path)
  const values = header.values
  const architecture = String(values.get('general.architecture'))
  const count = (key: string) => Number(values.get(`${architecture}.${key}`)) || 0
  const headCount = count('attention.head_count')
  const headSize = count('attention.key_length') || Math.ceil(count('embedding_length') / (headCount || 1))
  const kvHeadCount = count('attention.head_count_kv') || headCount
  verifyMemory(path, { ...memory, weightBytes, layerCount: count('block_count'), kvHeadCount, headSize })
  const model = native.modelFromFile(path, { ...native.modelParams(), n_gpu_layers: 0 })
  if (model === null) throw loadFailed(native, basename(path))
  const shapes = new Map(header.tensors.map(({ name, shape }) => [name, shape]))
  const vocab = native.vocabOf(model)
  const ids = Array.from({ length: native.vocabSize(vocab) }, (_, id) => id)
  return {
    ...{ model, architecture, trainedContextTokens: native.trainedContextOf(model), warnings: [] },
    stopTokens: ids.filter((id) => native.isEndOfGeneration(vocab, id)),
    shapeOf: (module) => {
      const name = isLlamaArchitecture(architecture) ? findLlamaName(`${module}.weight`, architecture) : null
      const [inputs, outputs] = shapes.get(name ?? '') ?? []
      return module.startsWith('model.layers.') && inputs !== undefined && outputs !== undefined
        ? [outputs, inputs]
        : null
    },
  }
}

function loadFailed(native: Native, what: string, cause?: unknown): AppError {
  const log = native.takeLog()
  const [, architecture] = /unknown model architecture: '([^']*)'/.exec(log) ?? []
  if (architecture !== undefined) {
    const message = `llama.cpp ${native.release} does not know the architecture ${architecture} of ${what}: use a server that does`
    return new AppError('unsupported', 'MODEL_ARCHITECTURE_UNSUPPORTED', message)
  }
  return new AppError('malformed', 'ENGINE_LOAD_FAILED', `llama.cpp refuses ${what}: ${log}`, { cause })
}
