/**
 * How the next token is chosen, and the bounds of what a request may ask for. The order is fixed: logit bias, penalties,
 * DRY, temperature, top-k, top-p, min-p, typical, XTC; mirostat stands in the place of the last five.
 */
import { AppError } from '../../base/app-error.ts'

export interface Sampling {
  /** 0 takes the most likely token, the one with the lowest number among equals. */
  readonly temperature: number
  /** Only the so many most likely; 0 is all. */
  readonly topK?: number
  /** Only the most likely that together reach this probability. */
  readonly topP?: number
  /** Only those at least so likely in relation to the most likely. */
  readonly minP?: number
  /** Only those whose surprise is nearest to the expected, until they together reach this probability. */
  readonly typicalP?: number
  /** Divides the positive logits of tokens among the last `repeatWindowTokens` and multiplies the negative ones. */
  readonly repeatPenalty?: number
  /** Of prompt and answer; -1 is all of them. */
  readonly repeatWindowTokens?: number
  /** Taken from a token's logit for each time it stands in the answer. */
  readonly frequencyPenalty?: number
  /** Taken from the logit of each token that stands in the answer. */
  readonly presencePenalty?: number
  readonly dry?: DryParams
  readonly xtc?: XtcParams
  readonly mirostat?: MirostatParams
  /** Added to logits by token. */
  readonly logitBias?: ReadonlyMap<number, number>
  /** Makes a request repeatable; without it every request draws anew. */
  readonly seed?: number
  /** How many of the most likely tokens are reported beside the chosen one; left out: no probabilities at all. */
  readonly logprobs?: number
}

/** Don't repeat yourself: the longer a repetition that a token would continue, the less likely it becomes. */
export interface DryParams {
  readonly multiplier: number
  readonly base: number
  /** Repetitions up to so many tokens are free. */
  readonly freeTokens: number
  /** How far back it looks, in prompt and answer; -1 is all. */
  readonly lastTokens: number
  /** No repetition reaches across these. */
  readonly breakers: readonly number[]
}

/** Exclude top choices: at times all tokens above the threshold but the least likely of them are left out. */
export interface XtcParams {
  readonly probability: number
  readonly threshold: number
}

/** Mirostat 2: holds the surprise of the text near `tau` bits. */
export interface MirostatParams {
  readonly tau: number
  readonly eta: number
}

interface Bound {
  readonly min: number
  readonly max: number
  readonly isWhole?: true
}

export const LOGIT_BIAS_COUNT_MAX = 1024
export const LOGPROBS_MAX = 20
const DRY_BREAKERS_MAX = 4096
const LOGIT_BIAS: Bound = { min: -100, max: 100 }
const LAST_TOKENS: Bound = { min: -1, max: 1 << 24, isWhole: true }

export const SAMPLING_BOUNDS = {
  temperature: { min: 0, max: 100 },
  topK: { min: 0, max: 1 << 20, isWhole: true },
  topP: { min: 0, max: 1 },
  minP: { min: 0, max: 1 },
  typicalP: { min: 0, max: 1 },
  repeatPenalty: { min: 0.01, max: 10 },
  repeatWindowTokens: LAST_TOKENS,
  frequencyPenalty: { min: -2, max: 2 },
  presencePenalty: { min: -2, max: 2 },
  seed: { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, isWhole: true },
  logprobs: { min: 0, max: LOGPROBS_MAX, isWhole: true },
} as const satisfies Partial<Record<keyof Sampling, Bound>>

const INNER_BOUNDS: Readonly<Record<'dry' | 'xtc' | 'mirostat', Readonly<Record<string, Bound>>>> = {
  dry: {
    multiplier: { min: 0, max: 100 },
    base: { min: 1, max: 8 },
    freeTokens: { min: 1, max: 1 << 24, isWhole: true },
    lastTokens: LAST_TOKENS,
  },
  xtc: { probability: { min: 0, max: 1 }, threshold: { min: 0, max: 1 } },
  mirostat: { tau: { min: 0, max: 100 }, eta: { min: 0, max: 1 } },
}

/** Kind `usage`, SAMPLING_PARAMETER_BAD with the parameter's name, for the first that is out of bounds. */
export function checkSampling(params: Sampling, vocabSize: number): void {
  for (const [name, bound] of Object.entries(SAMPLING_BOUNDS)) {
    const value = params[name as keyof typeof SAMPLING_BOUNDS]
    if (value !== undefined) checkNumber(name, value, bound)
  }
  for (const [group, bounds] of Object.entries(INNER_BOUNDS)) {
    const values = params[group as keyof typeof INNER_BOUNDS]
    if (values === undefined) continue
    for (const [name, bound] of Object.entries(bounds)) {
      checkNumber(`${group}.${name}`, (values as unknown as Record<string, unknown>)[name], bound)
    }
  }
  checkList('dry.breakers', params.dry?.breakers.length ?? 0, DRY_BREAKERS_MAX)
  checkList('logitBias', params.logitBias?.size ?? 0, LOGIT_BIAS_COUNT_MAX)
  for (const [token, bias] of params.logitBias ?? []) {
    checkNumber('logitBias', token, { min: 0, max: vocabSize - 1, isWhole: true })
    checkNumber('logitBias', bias, LOGIT_BIAS)
  }
}

function checkNumber(parameter: string, value: unknown, { min, max, isWhole }: Bound): void {
  const isGood = typeof value === 'number' && value >= min && value <= max && (!isWhole || Number.isInteger(value))
  if (isGood) return
  const wanted = `${isWhole ? 'a whole number' : 'a number'} from ${min} to ${max}`
  throw refused(parameter, `${parameter} is ${String(value)}; it must be ${wanted}`)
}

function checkList(parameter: string, count: number, max: number): void {
  if (count > max) throw refused(parameter, `${parameter} has ${count} entries; at most ${max} are taken`)
}

function refused(parameter: string, message: string): AppError {
  return new AppError('usage', 'SAMPLING_PARAMETER_BAD', message, { data: { parameter } })
}
