/** What every driver checks before it computes: a native library would read past an array instead of refusing. */
import { AppError } from '../base/app-error.ts'
import type { AdapterSet, DecodeStep, ModelInfo } from './token-engine.ts'

export interface StepLimits {
  readonly info: ModelInfo
  readonly batchTokensMax: number
  readonly hasAdapter: (id: string) => boolean
  readonly heldBy: (slot: number) => number
}

export function verifySteps(
  steps: readonly DecodeStep[],
  { info, batchTokensMax, hasAdapter, heldBy }: StepLimits,
): void {
  const slots = new Set<number>()
  let tokenCount = 0
  for (const { slot, tokens, adapters } of steps) {
    verifySlot(slot, info)
    if (slots.has(slot)) throw misuse(`slot ${slot} stands in two steps`)
    slots.add(slot)
    if (tokens.length === 0) throw misuse(`no tokens for slot ${slot}`)
    tokenCount += tokens.length
    verifyTokens(tokens, info)
    verifyAdapters(adapters, hasAdapter)
  }
  if (tokenCount > batchTokensMax) throw misuse(`${tokenCount} tokens in one call, at most ${batchTokensMax}`)
  for (const { slot, tokens } of steps) {
    const wanted = heldBy(slot) + tokens.length
    if (wanted <= info.trainedContextTokens) continue
    const message = `The model takes ${info.trainedContextTokens} tokens of context, ${wanted} were given`
    throw new AppError('too-large', 'ENGINE_CONTEXT_FULL', message)
  }
}

export function verifySlot(slot: number, { slotCount }: ModelInfo): void {
  if (!Number.isSafeInteger(slot) || slot < 0 || slot >= slotCount) throw misuse(`slot ${slot} of ${slotCount}`)
}

export function verifyTokens(tokens: ArrayLike<number>, { vocabSize }: ModelInfo): void {
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i] as number
    if (Number.isSafeInteger(id) && id >= 0 && id < vocabSize) continue
    throw new AppError('usage', 'TOKEN_UNKNOWN', `Token ${id} is none of the model's ${vocabSize}`)
  }
}

export function verifyAdapters(adapters: AdapterSet, hasAdapter: (id: string) => boolean): void {
  for (const { id, weight } of adapters) {
    if (!hasAdapter(id)) throw new AppError('not-found', 'ADAPTER_NOT_ATTACHED', `Adapter ${id} is not attached`)
    if (!Number.isFinite(weight)) throw misuse(`weight ${weight} of adapter ${id}`)
  }
  if (new Set(adapters.map(({ id }) => id)).size < adapters.length) throw misuse('one adapter twice in a set')
}

/** The layers above plan the calls: a bad one is their mistake. */
function misuse(what: string): AppError {
  return new AppError('bug', 'ENGINE_MISUSED', `A driver was asked for ${what}`)
}
