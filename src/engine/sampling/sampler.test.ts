/** Each step of sampling against its definition, written down here as plainly as it can be. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Sampler } from './sampler.ts'
import type { Sampling } from './sampling.ts'

type Row = readonly number[]

const LOGITS: Row = [2, 1, 0.5, 0, -1, -2, 1.5, -0.5]

function softmax(logits: Row, temperature = 1): number[] {
  const most = Math.max(...logits)
  const weights = logits.map((logit) => Math.exp((logit - most) / temperature))
  return normalize(weights)
}

function normalize(weights: Row): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}

function byRank(probabilities: Row): number[] {
  return [...probabilities.keys()].sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number) || a - b)
}

function keep(probabilities: Row, tokens: readonly number[]): number[] {
  return normalize(probabilities.map((p, token) => (tokens.includes(token) ? p : 0)))
}

/** How often each token comes out of many independent first draws. */
function frequencies(params: Sampling, logits: Row = LOGITS, prompt: readonly number[] = []): number[] {
  const counts = new Array<number>(logits.length).fill(0)
  const row = Float32Array.from(logits)
  for (let seed = 0; seed < 20_000; seed++) {
    const { token } = new Sampler({ ...params, seed }, prompt).next(row)
    counts[token] = (counts[token] as number) + 1
  }
  return counts.map((count) => count / 20_000)
}

function expectDistribution(actual: Row, expected: Row): void {
  for (const [token, p] of expected.entries()) {
    // Five standard deviations of the mean of 20,000 draws.
    const allowed = 5 * Math.sqrt((p * (1 - p)) / 20_000)
    expect(Math.abs((actual[token] as number) - p), `token ${token}`).toBeLessThanOrEqual(allowed)
  }
}

function topP(probabilities: Row, wanted: number): number[] {
  let sum = 0
  const kept: number[] = []
  for (const token of byRank(probabilities)) {
    kept.push(token)
    sum += probabilities[token] as number
    if (sum >= wanted) break
  }
  return keep(probabilities, kept)
}

function typical(probabilities: Row, wanted: number): number[] {
  const entropy = probabilities.reduce((sum, p) => sum - p * Math.log(p), 0)
  const distance = (token: number) => Math.abs(-Math.log(probabilities[token] as number) - entropy)
  const kept: number[] = []
  let sum = 0
  for (const token of byRank(probabilities).sort((a, b) => distance(a) - distance(b))) {
    kept.push(token)
    sum += probabilities[token] as number
    if (sum >= wanted) break
  }
  return keep(probabilities, kept)
}

const P = softmax(LOGITS)

describe('draws as the definition says', () => {
  const cases: readonly [string, Sampling, Row][] = [
    ['temperature 1', { temperature: 1 }, P],
    ['temperature 0.5', { temperature: 0.5 }, softmax(LOGITS, 0.5)],
    ['temperature 3', { temperature: 3 }, softmax(LOGITS, 3)],
    ['top-k 3', { temperature: 1, topK: 3 }, keep(P, byRank(P).slice(0, 3))],
    ['top-p 0.7', { temperature: 1, topP: 0.7 }, topP(P, 0.7)],
    ['top-p after temperature', { temperature: 2, topP: 0.6 }, topP(softmax(LOGITS, 2), 0.6)],
    [
      'min-p 0.2',
      { temperature: 1, minP: 0.2 },
      keep(
        P,
        [...P.keys()].filter((t) => (P[t] ?? 0) >= 0.2 * Math.max(...P)),
      ),
    ],
    ['typical 0.6', { temperature: 1, typicalP: 0.6 }, typical(P, 0.6)],
    [
      'top-k, then top-p of what is left',
      { temperature: 1, topK: 4, topP: 0.8 },
      topP(keep(P, byRank(P).slice(0, 4)), 0.8),
    ],
    ['XTC always', { temperature: 1, xtc: { probability: 1, threshold: 0.1 } }, keep(P, [1, 2, 3, 4, 5, 7])],
    ['XTC with one above', { temperature: 1, xtc: { probability: 1, threshold: 0.35 } }, P],
    [
      'bias',
      {
        temperature: 1,
        logitBias: new Map([
          [0, -100],
          [4, 2],
        ]),
      },
      softmax([-98, 1, 0.5, 0, 1, -2, 1.5, -0.5]),
    ],
  ]
  test.each(cases)('%s', (_name, params, expected) => expectDistribution(frequencies(params), expected))

  test('XTC half of the time', () => {
    const out = keep(P, [1, 2, 3, 4, 5, 7])
    const mixed = P.map((p, token) => (p + (out[token] as number)) / 2)
    expectDistribution(frequencies({ temperature: 1, xtc: { probability: 0.5, threshold: 0.1 } }), mixed)
  })

  test('the repeat penalty divides what is positive and multiplies what is negative, once a token', () => {
    const params = { temperature: 1, repeatPenalty: 2, repeatWindowTokens: 3 }
    const changed = [1, 1, 0.5, 0, -2, -2, 1.5, -0.5]
    expectDistribution(frequencies(params, LOGITS, [6, 0, 0, 4]), softmax(changed))
  })
})

test('frequency and presence count in the answer only', () => {
  const params = { temperature: 0, frequencyPenalty: 1, presencePenalty: 0.25 }
  const sampler = new Sampler(params, [0, 0, 0, 0])
  const row = Float32Array.from([2, 1, 0])
  const drawn = Array.from({ length: 6 }, () => sampler.next(row).token)
  expect(drawn).toEqual(drawn.map((_, i) => plainPenalized(row, i)))
  expect(new Set(drawn)).toEqual(new Set([0, 1, 2]))
})

/** The whole answer up to index `last`, by the formula; its last token. */
function plainPenalized(row: Float32Array, last: number): number {
  const answer: number[] = []
  for (let i = 0; i <= last; i++) {
    const count = (token: number) => answer.filter((one) => one === token).length
    const changed = [...row].map((logit, token) => logit - count(token) - (count(token) > 0 ? 0.25 : 0))
    answer.push(changed.indexOf(Math.max(...changed)))
  }
  return answer.at(-1) as number
}

describe('DRY', () => {
  const dry = { multiplier: 1, base: 2, freeTokens: 2, lastTokens: -1, breakers: [9] }
  /** What a token loses, by comparing every earlier place with the end. */
  function plainPenalty(tokens: readonly number[], token: number): number {
    let longest = 0
    for (let place = 0; place < tokens.length; place++) {
      if (tokens[place] !== token || token === 9) continue
      let length = 0
      while (length < place) {
        const [here, end] = [tokens[place - 1 - length], tokens[tokens.length - 1 - length]]
        if (here !== end || end === 9) break
        length++
      }
      longest = Math.max(longest, length)
    }
    return longest < 2 ? 0 : 2 ** (longest - 2)
  }

  test('takes from each token what its longest repetition costs', () => {
    const tokens = fc.array(fc.constantFrom(0, 1, 2, 9), { maxLength: 40 })
    fc.assert(
      fc.property(tokens, (prompt) => {
        const lost = Array.from({ length: 10 }, (_, token) => Math.min(plainPenalty(prompt, token), 1e30))
        const row = Float32Array.from({ length: 10 }, (_, token) => 3 - token / 4)
        const changed = Float32Array.from([...row].map((logit, token) => logit - (lost[token] as number)))
        const expected = changed.indexOf(Math.max(...changed))
        expect(new Sampler({ temperature: 0, dry }, prompt).next(row).token).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })

  test('a text of one token ten thousand times stays a number', () => {
    const prompt = new Array(10_000).fill(0)
    const row = Float32Array.from([50, 1])
    expect(new Sampler({ temperature: 1, seed: 1, dry }, prompt).next(row).token).toBe(1)
  })
})

describe('mirostat', () => {
  test.each([2.5, 3.5])('holds the surprise near %s bits', (tau) => {
    const logits = Float32Array.from({ length: 1000 }, (_, i) => 6 - Math.log2(i + 1))
    const p = softmax([...logits])
    const sampler = new Sampler({ temperature: 1, seed: 3, mirostat: { tau, eta: 0.1 } }, [])
    const bits = Array.from({ length: 4000 }, () => -Math.log2(p[sampler.next(logits).token] as number))
    const unbounded = p.reduce((sum, one) => sum - one * Math.log2(one), 0)
    const mean = bits.slice(500).reduce((sum, one) => sum + one, 0) / 3500
    expect(unbounded).toBeGreaterThan(4.4)
    expect(Math.abs(mean - tau)).toBeLessThan(0.1)
  })
})

describe('any row of logits', () => {
  const row = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 300 })
  const chance = fc.double({ min: 0, max: 1, noNaN: true })
  const params = fc.record({
    temperature: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 100, noNaN: true })),
    topK: fc.nat(40),
    topP: chance,
    minP: chance,
    typicalP: chance,
    xtc: fc.record({ probability: chance, threshold: chance }),
    seed: fc.maxSafeInteger(),
    repeatPenalty: fc.double({ min: 0.1, max: 10, noNaN: true }),
  })

  test('gives a token of the row, the same one for the same seed, and leaves the row as it was', () => {
    fc.assert(
      fc.property(row, params, fc.array(fc.nat(299)), (logits, sampling, prompt) => {
        const values = Float32Array.from(logits)
        const before = values.slice()
        const draw = () => {
          const sampler = new Sampler(sampling, prompt)
          return [sampler.next(values).token, sampler.next(values).token]
        }
        const tokens = draw()
        expect(draw()).toEqual(tokens)
        expect(values).toEqual(before)
        for (const token of tokens) expect(token >= 0 && token < logits.length).toBe(true)
      }),
    )
  })

  test('temperature 0 takes the greatest, the first among equals, whatever else is asked for', () => {
    fc.assert(
      fc.property(row, fc.nat(40), chance, (logits, topK, topP) => {
        const values = Float32Array.from(logits)
        const expected = values.indexOf(values.reduce((most, one) => Math.max(most, one)))
        expect(new Sampler({ temperature: 0, topK, topP }, []).next(values).token).toBe(expected)
      }),
    )
  })

  test('log-probabilities are those of the softmax, however the token was chosen', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 50 }), (logits) => {
        const values = Float32Array.from(logits)
        const p = softmax([...values])
        const sampling = { temperature: 5, topK: 3, logitBias: new Map([[0, 5]]), logprobs: 4, seed: 5 }
        const { token, logprob, top = [] } = new Sampler(sampling, []).next(values)
        expect(logprob).toBeCloseTo(Math.log(p[token] as number), 5)
        expect(top.map((one) => one.token)).toEqual(byRank([...values]).slice(0, 4))
        for (const one of top) expect(one.logprob).toBeCloseTo(Math.log(p[one.token] as number), 5)
      }),
    )
  })
})

test.each([
  [[1, Number.NaN, 2]],
  [[1, Number.POSITIVE_INFINITY]],
  [[Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
])('%j is refused', (logits) => {
  const sampler = new Sampler({ temperature: 1 }, [])
  expect(() => sampler.next(Float32Array.from(logits))).toThrow(expect.objectContaining({ code: 'ENGINE_NAN' }))
})

test('without a seed two samplers draw differently', () => {
  const row = new Float32Array(1000)
  const draw = () => {
    const sampler = new Sampler({ temperature: 1 }, [])
    return Array.from({ length: 20 }, () => sampler.next(row).token).join()
  }
  expect(draw()).not.toBe(draw())
})
