/**
 * Weights on disk into llama.cpp: a Hugging Face directory through a GGUF header in memory and a callback that hands
 * over each tensor's bytes (no GGUF file is written), a GGUF file by mapping it. Headers are checked before either.
 */
import { closeSync, existsSync, fstatSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../../base/app-error.ts'
import { type GgufHeader, parseGgufHeader } from '../../weights/gguf-header.ts'
import { listSplitNames, verifySplit } from '../../weights/gguf-split.ts'
import { verifyGgufSupport } from '../../weights/gguf-support.ts'
import { ModelDirectory } from '../model-directory.ts'
import { linearShapes } from '../model-tensors.ts'
import { openModelFile, readExactly } from '../tensor-files.ts'
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
  readonly textKeys: Readonly<Record<string, string | number | boolean>>
  readonly trainedContextTokens: number
  readonly warnings: readonly string[]
  /** Outputs and inputs of a linear module, by its Hugging Face name; null where there is none. */
  shapeOf(module: string): readonly [outputs: number, inputs: number] | null
}

const GGUF_FIRST_BYTES = 1024 * 1024
/** Vocabularies stand in these headers. */
const GGUF_HEADER_BYTES_MAX = 256 * 1024 * 1024

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
    return { ...loaded, trainedContextTokens, stopTokens, textKeys: {}, warnings: config.warnings }
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
    ...{ stopTokens, textKeys: {}, warnings: config.warnings },
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
    textKeys: Object.fromEntries([...values].flatMap(([key, value]) => (isTextKey(key, value) ? [[key, value]] : []))),
    shapeOf: (module) => {
      const name = isLlamaArchitecture(architecture) ? findLlamaName(`${module}.weight`, architecture) : null
      const [inputs, outputs] = shapes.get(name ?? '') ?? []
      return module.startsWith('model.layers.') && inputs !== undefined && outputs !== undefined
        ? [outputs, inputs]
        : null
    },
  }
}

function isTextKey(key: string, value: unknown): value is string | number | boolean {
  return key.startsWith('tokenizer.') && typeof value !== 'object'
}

/** The header of a GGUF file with the tensors of all its parts, checked against the files' sizes. */
export function readGgufHeaders(path: string): { readonly header: GgufHeader; readonly weightBytes: number } {
  const folder = dirname(path)
  const parts = listSplitNames(basename(path)).map((name) => {
    if (!existsSync(join(folder, name))) {
      throw new AppError('not-found', 'MODEL_FILE_MISSING', `${join(folder, name)} is missing: pull the model again`)
    }
    return { name, header: readGgufHeader(join(folder, name)) }
  })
  if (parts[0] !== undefined) verifyGgufSupport(parts[0].name, parts[0].header)
  verifySplit(parts)
  const tensors = parts.flatMap(({ header }) => header.tensors)
  const weightBytes = tensors.reduce((sum, { start, end }) => sum + end - start, 0)
  const first = parts[0]?.header as GgufHeader
  return { header: { ...first, tensors }, weightBytes }
}

function readGgufHeader(path: string): GgufHeader {
  const fd = openModelFile(path)
  try {
    const { size } = fstatSync(fd)
    for (let wanted = GGUF_FIRST_BYTES; ; ) {
      const header = parseGgufHeader(readExactly(fd, 0, Math.min(wanted, size)), size)
      if (!('needs' in header)) return header
      if (header.needs > GGUF_HEADER_BYTES_MAX) {
        const message = `The header of ${path} needs ${header.needs} bytes, at most ${GGUF_HEADER_BYTES_MAX}`
        throw new AppError('too-large', 'MODEL_FILE_TOO_LARGE', message)
      }
      wanted = Math.max(header.needs, 2 * wanted)
    }
  } finally {
    closeSync(fd)
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
