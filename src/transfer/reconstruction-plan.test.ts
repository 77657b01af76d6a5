import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from '../base/app-error.ts'
import { parsePlan } from './reconstruction-plan.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const START = { offset: 0, firstChunk: 0 }

function range(start: number, end: number, from = start * 1000) {
  return { chunks: { start, end }, bytes: { start: from, end: end * 1000 - 1 } }
}

function answer(
  terms: [hash: string, start: number, end: number][],
  xorbs: Record<string, ReturnType<typeof range>[]>,
) {
  const entries = Object.entries(xorbs).map(([hash, ranges]) => [
    hash,
    ranges.map((one) => ({ url: 'http://x/', ranges: [one] })),
  ])
  return {
    offset_into_first_range: 0,
    terms: terms.map(([hash, start, end]) => ({ hash, unpacked_length: (end - start) * 900, range: { start, end } })),
    xorbs: Object.fromEntries(entries),
  }
}

test('orders fetches by the first term that needs them and gives each its terms by chunk', () => {
  const plan = parsePlan(
    answer(
      [
        [B, 5, 6],
        [A, 2, 4],
        [B, 0, 3],
        [A, 2, 4],
      ],
      { [A]: [range(0, 9)], [B]: [range(0, 9)] },
    ),
    2,
    START,
  )
  expect(plan.fetches.map(({ xorb, terms }) => [xorb, terms.map(({ start, offset }) => [start, offset])])).toEqual([
    [
      B,
      [
        [0, 2700],
        [5, 0],
      ],
    ],
    [
      A,
      [
        [2, 900],
        [2, 5400],
      ],
    ],
  ])
  expect(plan).toMatchObject({ plainLength: 8 * 900, chunkCount: 8 })
  expect(plan.fetches[0]?.bytes).toEqual({ start: 0, end: 9000 })
})

test('goes on from where an earlier plan ended', () => {
  const plan = parsePlan(answer([[A, 0, 2]], { [A]: [range(0, 2)] }), 2, { offset: 5000, firstChunk: 7 })
  expect(plan.terms[0]).toMatchObject({ offset: 5000, firstChunk: 7 })
  expect(plan).toMatchObject({ plainLength: 1800, chunkCount: 2 })
})

test('finds the range that covers a term among many, also overlapping ones', () => {
  const ranges = [range(0, 2), range(0, 100), range(3, 5), range(90, 200)]
  const plan = parsePlan(
    answer(
      [
        [A, 4, 60],
        [A, 95, 150],
      ],
      { [A]: ranges },
    ),
    2,
    START,
  )
  expect(plan.fetches.map(({ start, end }) => [start, end])).toEqual([
    [0, 100],
    [90, 200],
  ])
})

test('plans a hundred thousand terms of one chunk in a moment', () => {
  const terms = Array.from({ length: 100_000 }, (_, i): [string, number, number] => [A, i % 100, (i % 100) + 1])
  const startedMs = performance.now()
  expect(parsePlan(answer(terms, { [A]: [range(0, 100)] }), 2, START).fetches).toHaveLength(1)
  expect(performance.now() - startedMs).toBeLessThan(2000)
})

test('answers any JSON with a plan or an error of ours', () => {
  const hash = fc.constantFrom(A, B, 'x', '../..')
  const small = fc.oneof(fc.integer({ min: -2, max: 12 }), fc.double(), fc.constant(2 ** 53))
  const span = fc.record({ start: small, end: small })
  const shape = fc.record({
    offset_into_first_range: small,
    terms: fc.array(fc.record({ hash, unpacked_length: small, range: span }), { maxLength: 4 }),
    xorbs: fc.dictionary(
      hash,
      fc.array(
        fc.record({
          url: fc.constantFrom('http://x/', 'file:///x', ''),
          ranges: fc.array(fc.record({ chunks: span, bytes: span }), { maxLength: 2 }),
        }),
        { maxLength: 2 },
      ),
    ),
  })
  fc.assert(
    fc.property(fc.oneof(shape, fc.jsonValue()), fc.constantFrom(1 as const, 2 as const), (value, version) => {
      try {
        const plan = parsePlan(value, version, START)
        for (const fetch of plan.fetches)
          for (const { start, end } of fetch.terms) expect(start >= fetch.start && end <= fetch.end).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(AppError)
      }
    }),
  )
})
