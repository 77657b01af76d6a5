/** What a person names as a model on this machine: a Hugging Face directory, or a GGUF file (of a split one any part). */
import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { ifThere } from '../base/if-there.ts'
import { listSplitNames } from '../weights/gguf-split.ts'
import type { WeightsOnDisk } from './token-engine.ts'

/** How the Hugging Face cache calls the folder of a commit. */
const SNAPSHOT = /\/models--([^/]+)\/snapshots\/[0-9a-f]{40}$/

export interface NamedWeights {
  /** As clients ask for it: the folder's name, the file's without its ending, of the cache the repository's. */
  readonly name: string
  readonly weights: WeightsOnDisk
}

/** Looks no further than at the name and the kind: whether it is a model shows when it is loaded. */
export async function findWeights(typed: string): Promise<NamedWeights> {
  const path = resolve(typed)
  const found = await ifThere(stat(path))
  if (found?.isDirectory()) {
    const cached = SNAPSHOT.exec(path)?.[1]?.replace('--', '/')
    return { name: cached ?? basename(path), weights: { kind: 'hf-directory', path, dtype: 'keep' } }
  }
  if (!found?.isFile() || !path.endsWith('.gguf')) {
    const what = found === null ? 'is not there' : 'is neither a folder nor a GGUF file'
    const message = `${path} ${what}: name a folder with config.json and safetensors, or a .gguf file`
    throw new AppError('usage', 'MODEL_PATH_BAD', message)
  }
  const first = listSplitNames(basename(path))[0] as string
  const name = basename(path, '.gguf').replace(/-\d{5}-of-\d{5}$/, '')
  return { name, weights: { kind: 'gguf', path: join(dirname(path), first), dtype: 'keep' } }
}
