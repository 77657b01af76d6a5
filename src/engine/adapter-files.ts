/**
 * A LoRA adapter on disk as pairs (A, B, scale) by the module they change: a PEFT directory, or `NN_name.safetensors`
 * beside `NN_name.config.json`. All of it is checked against the base before anything is attached.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { type AdapterConfig, parseAdapterConfig } from '../weights/adapter-config.ts'
import { ADAPTER_MODULES_MAX, CONFIG_BYTES_MAX } from '../weights/header-limits.ts'
import { isFloatDtype } from './float-widths.ts'
import { readModelFile } from './model-directory.ts'
import { textName } from './model-tensors.ts'
import { TensorFiles } from './tensor-files.ts'

export interface LoraPair {
  /** [rank x inputs]. */
  readonly a: Float32Array
  /** [outputs x rank]. */
  readonly b: Float32Array
  readonly rank: number
  /** What the product is multiplied by at weight 1. */
  readonly scale: number
}

/** By module: `model.layers.0.self_attn.q_proj`. */
export type Adapter = ReadonlyMap<string, LoraPair>

export interface AdapterBase {
  /** Outputs and inputs of a linear module of the base; null where there is none. */
  shapeOf(module: string): readonly [outputs: number, inputs: number] | null
  readonly commit: string | null
}

const TENSOR = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/
const DIFFERENCES_SHOWN = 5

export function readAdapter(path: string, base: AdapterBase): Adapter {
  const { config: configPath, weights } = filesOf(path)
  const config = parseAdapterConfig(readModelFile(configPath, CONFIG_BYTES_MAX))
  if (config.baseCommit !== null && base.commit !== null && config.baseCommit !== base.commit) {
    throw mismatch(path, [`it was trained on commit ${config.baseCommit.slice(0, 64)}, loaded is ${base.commit}`])
  }
  using files = new TensorFiles([weights])
  const modules = listModules(path, files)
  const differences = [...modules].flatMap((module) => compare(module, files, config, base))
  if (modules.size === 0) differences.push('it holds no LoRA tensor')
  if (differences.length > 0) throw mismatch(path, differences)
  const adapter = new Map(
    [...modules].map(([module, names]) => [textName(module) ?? module, readPair(module, names, files, config)]),
  )
  const broken = [...adapter].filter(([, pair]) => !pair.a.every(Number.isFinite) || !pair.b.every(Number.isFinite))
  if (broken.length > 0)
    throw mismatch(
      path,
      broken.map(([module]) => `${module} holds numbers that are not finite`),
    )
  return adapter
}

function filesOf(path: string): { config: string; weights: string } {
  if (path.endsWith('.safetensors')) return { config: path.replace(/\.safetensors$/, '.config.json'), weights: path }
  const weights = join(path, 'adapter_model.safetensors')
  if (!existsSync(weights) && existsSync(join(path, 'adapter_model.bin'))) {
    const message = `${path} has its adapter as a pickle only, which can run any code when it is read: save it as safetensors`
    throw new AppError('unsupported', 'MODEL_PICKLE_ONLY', message)
  }
  return { config: join(path, 'adapter_config.json'), weights }
}

interface PairNames {
  a?: string
  b?: string
}

function listModules(path: string, { tensors }: TensorFiles): Map<string, PairNames> {
  const modules = new Map<string, PairNames>()
  const strange: string[] = []
  for (const name of tensors.keys()) {
    const [, module, half] = TENSOR.exec(name) ?? []
    if (module === undefined) strange.push(`${name.slice(0, 100)} is no LoRA tensor`)
    else modules.set(module, { ...modules.get(module), [half === 'A' ? 'a' : 'b']: name })
  }
  if (strange.length > 0) throw mismatch(path, strange)
  if (modules.size > ADAPTER_MODULES_MAX) throw mismatch(path, [`it changes ${modules.size} modules`])
  return modules
}

/** What is wrong with one pair; empty if nothing is. */
function compare(
  [module, { a, b }]: [string, PairNames],
  files: TensorFiles,
  config: AdapterConfig,
  base: AdapterBase,
): string[] {
  const [first, second] = [files.tensors.get(a ?? ''), files.tensors.get(b ?? '')]
  if (first === undefined || second === undefined) return [`${module} has only one half of a pair`]
  const shape = base.shapeOf(textName(module) ?? module)
  if (shape === null) return [`${module} is no linear module of the model's layers`]
  const rank = first.shape[0] ?? 0
  const wanted = [
    [first, [config.rankOf(module), shape[1]]],
    [second, [shape[0], rank]],
  ] as const
  return wanted.flatMap(([tensor, size]) => {
    if (!isFloatDtype(tensor.dtype)) return [`${tensor.name} is of type ${tensor.dtype}`]
    return `${tensor.shape}` === `${size}` ? [] : [`${tensor.name} is [${tensor.shape}], the model asks for [${size}]`]
  })
}

function readPair(module: string, { a = '', b = '' }: PairNames, files: TensorFiles, config: AdapterConfig): LoraPair {
  const rank = config.rankOf(module)
  return { a: files.readFloats(a), b: files.readFloats(b), rank, scale: config.scaleOf(module, rank) }
}

function mismatch(path: string, differences: readonly string[]): AppError {
  const shown = differences.slice(0, DIFFERENCES_SHOWN).join('; ')
  return new AppError(
    'malformed',
    'ADAPTER_MISMATCH',
    `Adapter ${path} does not fit (${differences.length} times): ${shown}`,
    {
      data: { differences: differences.slice(0, DIFFERENCES_SHOWN) },
    },
  )
}
