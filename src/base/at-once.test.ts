import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eachAtOnce } from './at-once.ts'

test('does all in order, never more at once than it may', async () => {
  const begun: number[] = []
  let running = 0
  let most = 0
  await eachAtOnce([10, 11, 12, 13, 14, 15, 16], 3, async (item, index) => {
    begun.push(item - index)
    most = Math.max(most, ++running)
    await turn()
    running--
  })
  expect(begun).toEqual([10, 10, 10, 10, 10, 10, 10])
  expect(most).toBe(3)
})

test('the first failure ends it at once, and nothing begins after it', async () => {
  const begun: number[] = []
  const held = Promise.withResolvers<void>()
  const doing = eachAtOnce([0, 1, 2, 3, 4], 2, async (item) => {
    begun.push(item)
    if (item === 1) throw new Error('one is bad')
    await held.promise
  })
  await expect(doing).rejects.toThrow('one is bad')
  held.resolve()
  await turn()
  expect(begun).toEqual([0, 1])
})
