/**
 * A Hugging Face directory: config.json, the safetensors it names, and each tensor in the shape that the configuration
 * asks for. Everything is checked before a driver sees it. Pickles are never read.
 */
import { closeSync, existsSync, fstatSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { CONFIG_BYTES_MAX, INDEX_BYTES_MAX } from '../weights/header-limits.ts'
import { type ModelConfig, parseModelConfig, parseStopTokens } from '../weights/model-config.ts'
import { parseShardIndex } from '../weights/shard-index.ts'
import { planTensors } from './model-tensors.ts'
import { openModelFile, readExactly, TensorFiles, type TensorOnDisk } from './tensor-files.ts'

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
const PICKLE = /\.(bin|pt|pth|pkl|pickle|ckpt)$/

export class ModelDirectory implements Disposable {
  readonly path: string
  readonly config: ModelConfig
  readonly stopTokens: readonly number[]
  /** By the names of the text model: `model.layers.0.mlp.up_proj.weight`. */
  readonly tensors: ReadonlyMap<string, TensorOnDisk>
  readonly weightBytes: number
  readonly #files: TensorFiles

  constructor(path: string) {
    this.path = path
    this.config = parseModelConfig(readModelFile(join(path, 'config.json'), CONFIG_BYTES_MAX))
    const generation = join(path, 'generation_config.json')
    const more = existsSync(generation)
      ? parseStopTokens(basename(generation), readModelFile(generation, CONFIG_BYTES_MAX))
      : []
    this.stopTokens = [...new Set([...this.config.stopTokens, ...more])]
    this.#files = openWeights(path)
    try {
      this.tensors = planTensors(this.config, this.#files.tensors)
    } catch (error) {
      this.#files[Symbol.dispose]()
      throw error
    }
    this.weightBytes = [...this.tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0)
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]()
  }
}

function openWeights(directory: string): TensorFiles {
  const names = listNames(directory)
  if (names.includes(INDEX)) {
    const { files, fileOf } = parseShardIndex(readModelFile(join(directory, INDEX), INDEX_BYTES_MAX))
    const missing = files.find((name) => !names.includes(name))
    if (missing !== undefined) {
      throw new AppError(
        'not-found',
        'MODEL_FILE_MISSING',
        `${join(directory, missing)} is missing: pull the model again`,
      )
    }
    const opened = new TensorFiles(files.map((name) => join(directory, name)))
    for (const [tensor, file] of fileOf) {
      const found = opened.tensors.get(tensor)
      if (found !== undefined && basename(found.path) === file) continue
      opened[Symbol.dispose]()
      throw new AppError(
        'malformed',
        'WEIGHTS_INDEX_BAD',
        `${file} does not hold ${tensor.slice(0, 100)}, as its index says`,
      )
    }
    return opened
  }
  if (names.includes(SINGLE)) return new TensorFiles([join(directory, SINGLE)])
  throw nothingToRun(directory, names)
}

function nothingToRun(directory: string, names: readonly string[]): AppError {
  const gguf = names.find((name) => name.endsWith('.gguf'))
  if (gguf !== undefined) {
    return new AppError(
      'usage',
      'MODEL_FILE_MISSING',
      `${directory} has no ${SINGLE}; name its GGUF file instead: ${gguf}`,
    )
  }
  const pickle = names.find((name) => PICKLE.test(name))
  if (pickle === undefined) {
    return new AppError('not-found', 'MODEL_FILE_MISSING', `${directory} has no ${SINGLE}: pull the model again`)
  }
  return new AppError(
    'unsupported',
    'MODEL_PICKLE_ONLY',
    `${directory} has its weights as ${pickle} only, a pickle, which can run any code when it is read. Use a revision ` +
      `with safetensors (often refs/pr/1), or convert the model on a machine that may run it`,
  )
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error
    throw new AppError('not-found', 'MODEL_FILE_MISSING', `${directory} is no directory`)
  }
}

/** A small file whole. */
export function readModelFile(path: string, bytesMax: number): Buffer {
  const fd = openModelFile(path)
  try {
    const { size } = fstatSync(fd)
    if (size > bytesMax)
      throw new AppError('too-large', 'MODEL_FILE_TOO_LARGE', `${path} has ${size} bytes, at most ${bytesMax}`)
    return readExactly(fd, 0, size)
  } finally {
    closeSync(fd)
  }
}
