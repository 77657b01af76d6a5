/** Log-probabilities as the model itself gives them: of the logits before bias, penalties and temperature. */
import { greatestOf } from './choices.ts'
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
    const greatest = greatestOf(logits)
    let total = 0
    for (let token = 0; token < logits.length; token++) total += Math.exp((logits[token] as number) - greatest)
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
