/**
 * From logits to the tokens that may be drawn and how much each weighs: the truncating steps of sampling. Each keeps at
 * least one token. Weights are exp((logit - greatest) / temperature), so none overflows however small the temperature.
 */
import type { Random } from './random.ts'
import { Ranking } from './ranking.ts'
import type { Sampling, XtcParams } from './sampling.ts'

export interface Choices {
  readonly tokens: number[]
  /** Greater than or equal to 0, not normalised, one for each of `tokens`. */
  readonly weights: number[]
}

/** Whether any step but the temperature has a say. */
export function isTruncating({ topK = 0, topP = 1, minP = 0, typicalP = 1, xtc }: Sampling): boolean {
  return topK > 0 || topP < 1 || minP > 0 || typicalP < 1 || xtc !== undefined
}

/** From the most likely downwards, unless `typicalP` orders them by how typical they are. `temperature` is above 0. */
export function chooseFrom(logits: Float32Array, params: Sampling, random: Random): Choices {
  const typical = params.typicalP ?? 1
  let choices = cutTop(logits, params)
  if (typical < 1) choices = keepTypical(choices, typical)
  if (params.xtc !== undefined) choices = excludeTop(choices, params.xtc, random)
  return choices
}

/** Top-k, then top-p, then min-p: each is a prefix of the ranking. */
function cutTop(logits: Float32Array, { temperature, topK = 0, topP = 1, minP = 0 }: Sampling): Choices {
  const ranking = new Ranking(logits)
  const greatest = ranking.logitAt(0)
  const weigh = (logit: number) => Math.exp((logit - greatest) / temperature)
  const countMax = topK === 0 ? ranking.size : Math.min(topK, ranking.size)
  const total = topP === 1 ? 0 : totalOf(logits, ranking, countMax, weigh)
  const choices: Choices = { tokens: [], weights: [] }
  let sum = 0
  for (let rank = 0; rank < countMax; rank++) {
    const token = ranking.at(rank)
    const weight = weigh(logits[token] as number)
    // Ranks fall: from here on none weighs anything, or enough.
    if (rank > 0 && (weight === 0 || weight < minP)) break
    choices.tokens.push(token)
    choices.weights.push(weight)
    sum += weight
    if (topP < 1 && sum >= topP * total) break
  }
  return choices
}

function totalOf(logits: Float32Array, ranking: Ranking, count: number, weigh: (logit: number) => number): number {
  let total = 0
  // Of all tokens the sum needs no order.
  if (count === ranking.size) for (let token = 0; token < count; token++) total += weigh(logits[token] as number)
  else for (let rank = 0; rank < count; rank++) total += weigh(ranking.logitAt(rank))
  return total
}

function keepTypical({ tokens, weights }: Choices, wanted: number): Choices {
  const total = sumOf(weights)
  const surprises = weights.map((weight) => Math.log(total) - Math.log(weight))
  let entropy = 0
  for (const [i, weight] of weights.entries()) entropy += (weight / total) * (surprises[i] as number)
  const distance = (i: number) => Math.abs((surprises[i] as number) - entropy)
  const order = [...weights.keys()].sort((a, b) => distance(a) - distance(b) || a - b)
  const kept: Choices = { tokens: [], weights: [] }
  let sum = 0
  for (const i of order) {
    kept.tokens.push(tokens[i] as number)
    kept.weights.push(weights[i] as number)
    sum += weights[i] as number
    if (sum >= wanted * total) break
  }
  return kept
}

function excludeTop({ tokens, weights }: Choices, { probability, threshold }: XtcParams, random: Random): Choices {
  if (probability === 0 || random.fraction() >= probability) return { tokens, weights }
  const enough = threshold * sumOf(weights)
  let least = -1
  let count = 0
  for (const [i, weight] of weights.entries()) {
    if (weight < enough) continue
    count++
    if (least === -1 || weight <= (weights[least] as number)) least = i
  }
  if (count < 2) return { tokens, weights }
  const isKept = (i: number) => i === least || (weights[i] as number) < enough
  return { tokens: tokens.filter((_, i) => isKept(i)), weights: weights.filter((_, i) => isKept(i)) }
}

export function sumOf(weights: readonly number[]): number {
  let sum = 0
  for (const weight of weights) sum += weight
  return sum
}

/** The index of a choice, each as likely as it weighs. */
export function draw(weights: readonly number[], random: Random): number {
  return indexAt(weights, random.fraction() * sumOf(weights))
}

/** Draws among all tokens, which needs no order of them. */
export function drawFromAll(logits: Float32Array, temperature: number, random: Random): number {
  const greatest = greatestOf(logits)
  const weights = new Float64Array(logits.length)
  let total = 0
  for (let token = 0; token < logits.length; token++) {
    const weight = Math.exp(((logits[token] as number) - greatest) / temperature)
    weights[token] = weight
    total += weight
  }
  return indexAt(weights, random.fraction() * total)
}

export function greatestOf(logits: Float32Array): number {
  let greatest = Number.NEGATIVE_INFINITY
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] as number
    if (logit > greatest) greatest = logit
  }
  return greatest
}

/** Where the running sum of `weights` passes `mark`. */
function indexAt(weights: ArrayLike<number>, mark: number): number {
  let left = mark
  let last = 0
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number
    left -= weight
    if (left < 0) return i
    if (weight > 0) last = i
  }
  // Rounding ate the rest.
  return last
}
