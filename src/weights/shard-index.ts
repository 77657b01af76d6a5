/** `model.safetensors.index.json`: which files hold a model's tensors. Names stay inside the directory. */
import { AppError } from '../base/app-error.ts'
import { parseJson } from '../base/json.ts'
import { ConfigFields } from './config-fields.ts'
import * as limits from './header-limits.ts'

export interface ShardIndex {
  /** In the order of their names. */
  readonly files: readonly string[]
  /** Tensor name to file name. */
  readonly fileOf: ReadonlyMap<string, string>
}

export function parseShardIndex(bytes: Uint8Array): ShardIndex {
  if (bytes.length > limits.INDEX_BYTES_MAX) throw refused(`it has ${bytes.length} bytes`)
  const map = new ConfigFields(parseJson('The index of the shards', bytes), refused).object('weight_map')
  if (map === null) throw refused('weight_map is absent')
  const entries = map.entries()
  if (entries.length === 0 || entries.length > limits.TENSOR_COUNT_MAX)
    throw refused(`it names ${entries.length} tensors`)
  const fileOf = new Map<string, string>()
  for (const [tensor, file] of entries) {
    if (typeof file !== 'string') throw refused(`tensor ${tensor.slice(0, 100)} has no file name`)
    fileOf.set(tensor, file)
  }
  const files = [...new Set(fileOf.values())].sort()
  if (files.length > limits.SHARDS_MAX) throw refused(`it names ${files.length} files`)
  const outside = files.find((name) => !isPlainName(name))
  if (outside !== undefined) throw refused(`"${outside.slice(0, 100)}" is no safetensors file of this directory`)
  return { files, fileOf }
}

function isPlainName(name: string): boolean {
  return /^[\w][\w.+ -]{0,250}\.safetensors$/.test(name)
}

function refused(detail: string): AppError {
  return new AppError('malformed', 'WEIGHTS_INDEX_BAD', `The index of the shards is refused: ${detail}`)
}
