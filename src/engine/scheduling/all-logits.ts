/** Logits after each token of a text, computed fresh in an idle slot: for comparisons between engines, not for serving. */
import { AppError } from '../../base/app-error.ts'
import { verifyAdapters } from '../decode-steps.ts'
import type { AdapterSet, TokenModel } from '../token-engine.ts'

const LOGITS_BYTES_MAX = 512 * 1024 * 1024

export interface LogitsRoom {
  /** An idle slot that holds nothing. */
  takeSlot(): Promise<number>
  hasAdapter(id: string): boolean
}

export interface LogitsWish {
  readonly tokens: ArrayLike<number>
  readonly adapters: AdapterSet
  readonly signal: AbortSignal | undefined
  readonly room: LogitsRoom
}

/** [tokens x vocabSize] */
export async function allLogits(
  model: TokenModel,
  { tokens, adapters, signal, room }: LogitsWish,
): Promise<Float32Array> {
  const { vocabSize, contextTokens } = model.info
  verifyAdapters(adapters, (id) => room.hasAdapter(id))
  if (tokens.length > contextTokens || tokens.length * vocabSize * 4 > LOGITS_BYTES_MAX) {
    const message = `Logits of ${tokens.length} tokens are more than this model's context or ${LOGITS_BYTES_MAX} bytes hold`
    throw new AppError('too-large', 'LOGITS_TOO_LARGE', message)
  }
  const slot = await room.takeSlot()
  const all = new Float32Array(tokens.length * vocabSize)
  const { batchTokensMax } = model.caps()
  try {
    for (let from = 0; from < tokens.length; from += batchTokensMax) {
      const some = Array.from(tokens).slice(from, from + batchTokensMax)
      const [rows] = await model.decode([{ slot, tokens: some, adapters, logits: 'all' }], signal)
      all.set(rows as Float32Array, from * vocabSize)
    }
  } finally {
    await model.truncateSlot(slot, 0)
  }
  return all
}
