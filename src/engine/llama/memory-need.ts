/** How much memory a model will take, and the refusal before it is loaded if that is more than there is. */
import { AppError } from '../../base/app-error.ts'

export interface MemoryNeed {
  readonly contextTokens: number
  readonly kvBytesEach: 2 | 4
  readonly memoryBytesMax: number
}

interface ModelNeed extends MemoryNeed {
  readonly weightBytes: number
  readonly layerCount: number
  readonly kvHeadCount: number
  readonly headSize: number
}

/** Buffers of a pass and the libraries themselves. */
const WORKING_BYTES = 100 * 1024 * 1024

export function verifyMemory(path: string, need: ModelNeed): void {
  const kvBytes = 2 * need.layerCount * need.kvHeadCount * need.headSize * need.contextTokens * need.kvBytesEach
  const total = need.weightBytes + kvBytes + WORKING_BYTES
  if (total <= need.memoryBytesMax) return
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`
  const message =
    `${path} needs ${megabytes(total)} (weights ${megabytes(need.weightBytes)}, ${need.contextTokens} tokens of context ` +
    `${megabytes(kvBytes)}), it may have ${megabytes(need.memoryBytesMax)}`
  const data = { neededBytes: total, memoryBytesMax: need.memoryBytesMax }
  throw new AppError('too-large', 'MODEL_TOO_LARGE', message, { data })
}
