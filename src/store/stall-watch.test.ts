import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { StallWatch } from './stall-watch.ts'

test('lets nothing in while the oldest task stands still, and all again when it has ended', async () => {
  const clock = new ManualClock()
  const watch = new StallWatch(clock)
  const gate = Promise.withResolvers<void>()
  const stuck = watch.run(() => gate.promise)
  clock.advance(4)
  expect(() => watch.check()).not.toThrow()
  await watch.run(async () => undefined)
  clock.advance(1)
  expect(() => watch.check()).toThrow(expect.objectContaining({ kind: 'busy', code: 'STORE_STALLED' }))
  gate.resolve()
  await stuck
  expect(() => watch.check()).not.toThrow()
})

test('a task that fails holds nobody up', async () => {
  const clock = new ManualClock()
  const watch = new StallWatch(clock)
  await expect(watch.run(() => Promise.reject(new Error('EIO')))).rejects.toThrow('EIO')
  clock.advance(60)
  expect(() => watch.check()).not.toThrow()
})
