import { expect, test } from 'vitest'
import { type Clock, systemClock } from './clock.ts'
import { RateLimit } from './rate-limit.ts'

/** Whose sleepers wake at once, at their time. */
function quickClock(): Clock & { now: number } {
  return {
    ...systemClock,
    now: 5000,
    monotonicMs() {
      return this.now
    },
    async sleep(ms) {
      this.now += ms
    },
  }
}

test('bytes of all who share it take as long as they must', async () => {
  const clock = quickClock()
  const limit = new RateLimit(100_000, clock)
  let steps = 0
  for (let i = 0; i < 20; i++) {
    await limit.take(50_000, undefined, () => {
      steps++
    })
  }
  // A million bytes, but for a short burst.
  expect(clock.now - 5000).toBeGreaterThan(9700)
  expect(clock.now - 5000).toBeLessThanOrEqual(10_000)
  expect(steps).toBeGreaterThan(40)
})

test('a pause saves up no more than a short burst', async () => {
  const clock = quickClock()
  const limit = new RateLimit(100_000, clock)
  clock.now += 3_600_000
  const begun = clock.now
  await limit.take(125_000)
  expect(clock.now - begun).toBe(1000)
})
