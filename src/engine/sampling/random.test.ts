import { expect, test } from 'vitest'
import { Random } from './random.ts'

/** By an implementation in whole numbers of unlimited size. */
const KNOWN: readonly [seed: number | bigint, numbers: readonly number[]][] = [
  [0, [3737715805, 2584255861, 2876756834, 3286328325]],
  [1, [1695105466, 1423115009, 634581793, 1068227753]],
  [42, [1776835114, 4165204688, 17111135, 2317295270]],
  [-1, [477689756, 2493998634, 555695776, 607808419]],
  [2n ** 64n - 1n, [477689756, 2493998634, 555695776, 607808419]],
  [Number.MAX_SAFE_INTEGER, [1233166643, 1287031142, 661813442, 2960669951]],
]

test.each(KNOWN)('seed %s draws the known numbers', (seed, numbers) => {
  const random = new Random(seed)
  expect(numbers.map(() => random.uint32())).toEqual(numbers)
})

test('fractions lie in [0, 1) and fill it evenly', () => {
  const random = new Random(7)
  const counts = new Array<number>(10).fill(0)
  for (let i = 0; i < 100_000; i++) {
    const fraction = random.fraction()
    const tenth = Math.floor(fraction * 10)
    // Outside of [0, 1) it becomes NaN.
    counts[tenth] = (counts[tenth] as number) + 1
  }
  // Five standard deviations.
  expect(counts).toHaveLength(10)
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(475)
})
