/**
 * Safetensors as a quantised GGUF file, made once and kept: llama.cpp quantises from file to file, so the model is
 * written out whole first and that file deleted. The result's name says which bytes it was made of and by which release;
 * it is read by mapping it, as any GGUF file.
 */
import { createHash } from 'node:crypto'
import { existsSync, realpathSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../base/app-error.ts'
import { makeFolder, nameFile } from '../../base/atomic-file.ts'
import { CONFIG_BYTES_MAX } from '../../weights/header-limits.ts'
import type { ModelDirectory } from '../model-directory.ts'
import { readModelFile } from '../model-directory.ts'
import { writeGguf } from './gguf-writer.ts'
import type { Native } from './native.ts'
import { planModel } from './plan-model.ts'

export type QuantisedType = 'q8_0' | 'q4_k_m'

/** llama.cpp's file types. */
const FILE_TYPES: Readonly<Record<QuantisedType, number>> = { q8_0: 7, q4_k_m: 15 }

export interface QuantiseOptions {
  readonly type: QuantisedType
  readonly cacheFolder: string
  readonly threadCount: number
}

/** The path of the quantised file, made now if it is not there. */
export async function quantiseWeights(
  native: Native,
  directory: ModelDirectory,
  options: QuantiseOptions,
): Promise<string> {
  const { type, cacheFolder, threadCount } = options
  const name = `${keyOf(native, directory)}-${type}`
  const path = join(cacheFolder, `${name}.gguf`)
  if (existsSync(path)) return path
  await makeFolder(cacheFolder, 0o700)
  const [whole, made] = [
    join(cacheFolder, `${name}.${process.pid}.whole`),
    join(cacheFolder, `${name}.${process.pid}.made`),
  ]
  try {
    const { values, tensors } = planModel(directory, 'keep')
    writeGguf(whole, values, tensors)
    const params = { ...native.quantizeParams(), nthread: threadCount, ftype: FILE_TYPES[type], allow_requantize: true }
    const status = await native.modelQuantize(whole, made, params)
    if (status !== 0) {
      throw new AppError(
        'malformed',
        'ENGINE_LOAD_FAILED',
        `llama.cpp does not quantise ${directory.path}: ${native.takeLog()}`,
      )
    }
    await sync(made)
    await nameFile(made, path)
    return path
  } finally {
    for (const leftover of [whole, made]) rmSync(leftover, { force: true })
  }
}

/** Changes when a file is another one, or was written again: its place on disk, its size and times. */
function keyOf(native: Native, { path, tensors }: ModelDirectory): string {
  const hash = createHash('sha256')
    .update(native.release)
    .update(readModelFile(join(path, 'config.json'), CONFIG_BYTES_MAX))
  for (const file of [...new Set([...tensors.values()].map((tensor) => tensor.path))].sort()) {
    const { ino, size, mtimeNs, ctimeNs } = statSync(realpathSync(file), { bigint: true })
    hash.update(`\n${realpathSync(file)} ${ino} ${size} ${mtimeNs} ${ctimeNs}`)
  }
  return hash.digest('hex').slice(0, 32)
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.sync()
}
