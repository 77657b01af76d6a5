/**
 * Chooses the next token of one sequence from a row of logits. Holds what the choice depends on besides them: the tokens
 * so far, the generator of this sequence and mirostat's bound; so what it draws does not depend on its neighbours.
 */
import { randomBytes } from 'node:crypto'
import { AppError } from '../../base/app-error.ts'
import { chooseFrom, draw, drawFromAll, isTruncating } from './choices.ts'
import { changeLogits, type History } from './logit-changes.ts'
import { Logprobs, type TokenLogprob } from './logprobs.ts'
import { Mirostat } from './mirostat.ts'
import { Random } from './random.ts'
import type { Sampling } from './sampling.ts'

export interface SampledToken {
  readonly token: number
  /** With `logprobs` only, and so is `top`. */
  readonly logprob?: number
  readonly top?: readonly TokenLogprob[]
}

export class Sampler {
  readonly #params: Sampling
  readonly #random: Random
  readonly #mirostat: Mirostat | null
  readonly #tokens: number[]
  readonly #history: History
  /** Logits after the changes; reused from token to token. */
  #changed = new Float32Array(0)

  /** `params` have passed `checkSampling`. */
  constructor(params: Sampling, prompt: readonly number[]) {
    this.#params = params
    this.#random = new Random(params.seed ?? randomBytes(8).readBigUInt64LE())
    this.#mirostat = params.mirostat === undefined ? null : new Mirostat(params.mirostat)
    this.#tokens = [...prompt]
    this.#history = { tokens: this.#tokens, promptTokens: prompt.length }
  }

  /** Chooses and remembers a token. Kind `malformed`, ENGINE_NAN for logits that are no numbers. Leaves `logits` as they are. */
  next(logits: Float32Array): SampledToken {
    checkFinite(logits)
    if (this.#changed.length !== logits.length) this.#changed = new Float32Array(logits.length)
    this.#changed.set(logits)
    changeLogits(this.#changed, this.#params, this.#history)
    const token = this.#choose(this.#changed)
    this.#tokens.push(token)
    const { logprobs: topCount } = this.#params
    if (topCount === undefined) return { token }
    const logprobs = new Logprobs(logits)
    return { token, logprob: logprobs.of(token), top: logprobs.top(topCount) }
  }

  #choose(logits: Float32Array): number {
    const { temperature } = this.#params
    if (temperature === 0) return mostLikely(logits)
    if (this.#mirostat !== null) {
      const choices = chooseFrom(logits, { temperature }, this.#random)
      return choices.tokens[this.#mirostat.draw(choices, this.#random)] as number
    }
    if (!isTruncating(this.#params)) return drawFromAll(logits, temperature, this.#random)
    const { tokens, weights } = chooseFrom(logits, this.#params, this.#random)
    return tokens[draw(weights, this.#random)] as number
  }
}

/** The first of the greatest. */
export function mostLikely(logits: Float32Array): number {
  let best = 0
  let most = Number.NEGATIVE_INFINITY
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] as number
    if (logit > most) {
      most = logit
      best = token
    }
  }
  return best
}

/** Minus infinity is a token that cannot be; a row of nothing else, NaN or infinity is no answer of a model. */
function checkFinite(logits: Float32Array): void {
  let most = Number.NEGATIVE_INFINITY
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] as number
    // The only comparison that NaN fails, too.
    if (!(logit < Number.POSITIVE_INFINITY)) throw notFinite(logit)
    if (logit > most) most = logit
  }
  if (most === Number.NEGATIVE_INFINITY) throw notFinite(most)
}

function notFinite(logit: number): AppError {
  const message = `The model gave ${logit} where a logit should be: its weights or an adapter are broken`
  return new AppError('malformed', 'ENGINE_NAN', message)
}
