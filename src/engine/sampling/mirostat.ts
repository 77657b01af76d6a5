/** Mirostat 2: leaves out tokens whose surprise is above a bound, and moves the bound so that the text's stays near tau. */
import { type Choices, draw, sumOf } from './choices.ts'
import type { Random } from './random.ts'
import type { MirostatParams } from './sampling.ts'

export class Mirostat {
  readonly #params: MirostatParams
  #bound: number

  constructor(params: MirostatParams) {
    this.#params = params
    this.#bound = 2 * params.tau
  }

  /** `choices` from the most likely downwards; gives the index of the drawn one. */
  draw({ weights }: Choices, random: Random): number {
    const total = sumOf(weights)
    let count = weights.findIndex((weight) => -Math.log2(weight / total) > this.#bound)
    if (count === -1) count = weights.length
    const drawn = draw(weights.slice(0, Math.max(count, 1)), random)
    // Among all tokens, as its authors count; among those kept would let the text drift above tau.
    const surprise = -Math.log2((weights[drawn] as number) / total)
    this.#bound -= this.#params.eta * (surprise - this.#params.tau)
    return drawn
  }
}
