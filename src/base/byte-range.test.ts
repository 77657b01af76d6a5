import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatContentRange, formatRange, parseContentRange, parseRange } from './byte-range.ts'

test.each([
  ['bytes=0-0', 10, { start: 0, end: 1 }],
  ['bytes=9-9', 10, { start: 9, end: 10 }],
  ['bytes=5-', 10, { start: 5, end: 10 }],
  ['bytes=-3', 10, { start: 7, end: 10 }],
  ['bytes=-30', 10, { start: 0, end: 10 }],
  ['bytes=0-99', 10, { start: 0, end: 10 }],
  ['bytes=0-18446744073709551614', 10, { start: 0, end: 10 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=10-12', 10, 'unsatisfiable'],
  ['bytes=5-2', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-0', 0, 'unsatisfiable'],
  ['bytes=18446744073709551614-', 10, 'unsatisfiable'],
  ['bytes=-', 10, null],
  ['bytes=0-1,4-5', 10, null],
  ['chunks=0-1', 10, null],
  [undefined, 10, null],
] as const)('%s of %d bytes', (header, length, expected) => {
  expect(parseRange(header, length)).toEqual(expected)
})

test('what is asked and what is answered read back', () => {
  fc.assert(
    fc.property(fc.nat(1e9), fc.integer({ min: 1, max: 1e9 }), (start, count) => {
      const range = { start, end: start + count }
      expect(parseRange(formatRange(range), range.end + 5)).toEqual(range)
      expect(parseContentRange(formatContentRange(range, range.end))).toEqual({ ...range, length: range.end })
    }),
  )
})
