import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ranking } from './ranking.ts'

function plainOrder(logits: Float32Array): number[] {
  return [...logits.keys()].sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b)
}

test('gives the tokens in the order of a plain sort, however many are asked for', () => {
  const logit = fc.oneof(
    fc.float({ noNaN: true }),
    fc.constantFrom(0, -0, 1, -1, Number.NEGATIVE_INFINITY, 1e-45, -1e-45),
  )
  const row = fc.array(logit, { minLength: 1, maxLength: 600 }).map((values) => Float32Array.from(values))
  fc.assert(
    fc.property(row, fc.nat(599), (logits, first) => {
      const ranking = new Ranking(logits)
      const order = plainOrder(logits)
      const rank = first % logits.length
      expect(ranking.at(rank)).toBe(order[rank])
      expect(order.map((_, i) => ranking.at(i))).toEqual(order)
    }),
  )
})

test('a vocabulary of 150,000 with many equal logits', () => {
  const logits = Float32Array.from({ length: 150_000 }, (_, i) => ((i * 7919) % 1000) / 100)
  const ranking = new Ranking(logits)
  const order = plainOrder(logits)
  for (const rank of [0, 5, 255, 256, 3000, 149_999]) expect(ranking.at(rank)).toBe(order[rank])
})
