import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SteadyClock } from './steady-clock.ts'

const DAY = 86_400

/** Wall and monotonic time that part. */
class TornClock extends ManualClock {
  torn = 0

  override nowSeconds(): number {
    return super.nowSeconds() + this.torn
  }
}

test('a clock that goes with the monotonic one is believed, however long', () => {
  const clock = new TornClock()
  const steady = new SteadyClock(clock)
  clock.advance(400 * DAY)
  expect(() => steady.check()).not.toThrow()
  clock.torn += 3600
  expect(() => steady.check()).not.toThrow()
})

test('a jump forward or back is not believed before a steady day', () => {
  for (const jump of [400 * DAY, -400 * DAY]) {
    const clock = new TornClock()
    const steady = new SteadyClock(clock)
    clock.torn = jump
    expect(() => steady.check()).toThrow(expect.objectContaining({ kind: 'busy', code: 'CLOCK_JUMPED' }))
    clock.advance(DAY - 1)
    expect(() => steady.check()).toThrow(expect.objectContaining({ code: 'CLOCK_JUMPED' }))
    clock.advance(1)
    expect(() => steady.check()).not.toThrow()
  }
})
