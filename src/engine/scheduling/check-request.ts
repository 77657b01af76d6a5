/** What a request may ask of a model, checked before it waits for a slot. */
import { AppError } from '../../base/app-error.ts'
import { verifyAdapters, verifyTokens } from '../decode-steps.ts'
import { checkSampling } from '../sampling/sampling.ts'
import type { EngineCaps, ModelInfo } from '../token-engine.ts'
import type { GenerateRequest } from '../token-generator.ts'

const STOP_TOKENS_MAX = 1024

export interface RequestLimits {
  readonly info: ModelInfo
  readonly caps: EngineCaps
  readonly hasAdapter: (id: string) => boolean
}

/** Tokens of one sequence: what fits, and what the model was made for. */
export function sequenceTokensMax({ contextTokens, trainedContextTokens }: ModelInfo): number {
  return Math.min(contextTokens, trainedContextTokens)
}

export function checkRequest(request: GenerateRequest, { info, caps, hasAdapter }: RequestLimits): void {
  const { tokens, adapters, tokenCountMax, stopTokens, sampling } = request
  const most = sequenceTokensMax(info)
  if (tokens.length === 0) throw new AppError('usage', 'PROMPT_EMPTY', 'The prompt has no tokens')
  if (tokens.length >= most) {
    const message = `The prompt has ${tokens.length} tokens and leaves no room in the ${most} of the model's context`
    throw new AppError('usage', 'PROMPT_TOO_LONG', message, {
      data: { promptTokens: tokens.length, contextTokens: most },
    })
  }
  verifyTokens(tokens, info)
  verifyAdapters(adapters, hasAdapter)
  const adaptersMax = { none: 0, one: 1, stacked: Number.POSITIVE_INFINITY }[caps.adapters]
  if (adapters.length > adaptersMax) {
    throw new AppError('unsupported', 'ADAPTERS_UNSUPPORTED', `This engine takes ${adaptersMax} adapters at once`)
  }
  if (!Number.isSafeInteger(tokenCountMax) || tokenCountMax < 1) {
    throw new AppError(
      'usage',
      'TOKEN_COUNT_BAD',
      `An answer of at most ${tokenCountMax} tokens is none: ask for 1 or more`,
    )
  }
  if (stopTokens.length > STOP_TOKENS_MAX) {
    throw new AppError(
      'usage',
      'TOKEN_COUNT_BAD',
      `${stopTokens.length} stop tokens; at most ${STOP_TOKENS_MAX} are taken`,
    )
  }
  checkSampling(sampling, info.vocabSize)
  if (request.grammar !== undefined) {
    throw new AppError('unsupported', 'GRAMMAR_UNSUPPORTED', 'This engine does not bind answers to a grammar')
  }
}
