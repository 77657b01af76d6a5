/** Log-probabilities as the model itself gives them: of the logits before bias, penalties and temperature. */
import { Ranking } from './ranking.ts'

export interface TokenLogprob {
  readonly token: number
  readonly logprob: number
}

export class Logprobs {
  readonly #logits: Float32Array
  readonly #logTotal: number

  /** Reads `logits` later too: they must stay as they are. */
  constructor(logits: Float32Array) {
    this.#logits = logits
    const greatest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY)
    let total = 0
    for (const logit of logits) total += Math.exp(logit - greatest)
    this.#logTotal = greatest + Math.log(total)
  }

  of(token: number): number {
    return (this.#logits[token] as number) - this.#logTotal
  }

  top(count: number): TokenLogprob[] {
    const ranking = new Ranking(this.#logits)
    const tokens = Array.from({ length: Math.min(count, ranking.size) }, (_, rank) => ranking.at(rank))
    return tokens.map((token) => ({ token, logprob: this.of(token) }))
  }
}
