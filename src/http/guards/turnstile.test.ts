/** Which requests begin in which turn of the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { Turnstile } from './turnstile.ts'

test('a crowd begins in slices, in order, and every turn of the event loop lets some in', async () => {
  const clock = new ManualClock()
  const turnstile = new Turnstile(clock)
  const begun: number[] = []
  const all = Array.from({ length: 12 }, async (_, i) => {
    await turnstile.pass()
    begun.push(i)
    // What a request does before it first waits takes 4 ms.
    clock.advance(0.004)
  })
  const counts: number[] = []
  while (begun.length < all.length) {
    await nextTurn()
    counts.push(begun.length)
  }
  await Promise.all(all)
  expect(begun).toEqual(all.map((_, i) => i))
  expect(Math.max(...counts.map((count, i) => count - (counts[i - 1] ?? 0)).slice(1))).toBeLessThanOrEqual(3)
})

test('one after the other waits for nothing', async () => {
  const turnstile = new Turnstile(new ManualClock())
  for (let i = 0; i < 3; i++) {
    expect(turnstile.pass()).toBeUndefined()
    await nextTurn()
  }
})
