/** Which GGUF files the embedded engine cannot run, why, and what helps: decided from the header, never from a name. */
import { AppError } from '../base/app-error.ts'
import type { GgufHeader } from './gguf-header.ts'

const BITNET_SERVER = 'run it in bitnet.cpp and name that server as an OpenAI-compatible engine'

/** Throws GGUF_UNSUPPORTED for what is known not to run. What only llama.cpp knows is left to it. */
export function verifyGgufSupport(name: string, { values, tensors }: GgufHeader): void {
  const foreign = tensors.find(({ type }) => type === 'I2_S')
  if (foreign !== undefined) {
    throw unsupported(`${name}: tensor ${foreign.name} is of type I2_S, which only bitnet.cpp reads: ${BITNET_SERVER}`)
  }
  const architecture = values.get('general.architecture')
  if (typeof architecture !== 'string') throw unsupported(`${name} names no architecture: convert the model again`)
  if (architecture.startsWith('bitnet')) {
    throw unsupported(`${name}: ${architecture} uses squared ReLU, which llama.cpp computes as SiLU: ${BITNET_SERVER}`)
  }
  const type = values.get('general.type') ?? 'model'
  if (type !== 'model') throw unsupported(`${name} holds no model but "${String(type).slice(0, 40)}"`)
}

function unsupported(message: string): AppError {
  return new AppError('unsupported', 'GGUF_UNSUPPORTED', message)
}
