import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { RateMeter } from './range-rates.ts'
import { STREAM_BYTES, StreamPool } from './stream-pool.ts'

/** A pool whose streams are all in use, and whose rate follows from how many there are. */
function busyPool(options: { connections?: number; memoryBytes?: number }, rateOf: (streams: number) => number) {
  const clock = new ManualClock()
  const pool = new StreamPool({ ...options, clock })
  for (let i = 0; i < 100; i++) void pool.run(() => new Promise(() => undefined))
  const meter = new RateMeter(clock, 1e12)
  const second = () => {
    clock.advance(1)
    pool.rates.count(meter, rateOf(pool.size) * 1000)
    return pool.size
  }
  return { pool, second }
}

test('streams are added as long as that makes the whole faster, up to the limit', () => {
  const { pool, second } = busyPool({ connections: 12, memoryBytes: 2 ** 30 }, (streams) => streams * 1000)
  const sizes = Array.from({ length: 8 }, second)
  expect(sizes.slice(0, 6)).toEqual([3, 4, 6, 9, 12, 12])
  expect(pool.size).toBe(12)
})

test('a stream that brings nothing is taken back', () => {
  const { pool, second } = busyPool({ connections: 12, memoryBytes: 2 ** 30 }, () => 5000)
  const sizes = Array.from({ length: 60 }, second)
  expect(Math.max(...sizes)).toBe(3)
  expect(sizes.filter((size) => size === 2).length).toBeGreaterThan(45)
  expect(pool.size).toBeLessThanOrEqual(3)
})

test('memory bounds the streams, and one is always there', () => {
  expect(new StreamPool({ memoryBytes: 5 * STREAM_BYTES }).max).toBe(5)
  expect(new StreamPool({ memoryBytes: 1 }).max).toBe(1)
  expect(new StreamPool({ memoryBytes: 5 * STREAM_BYTES, connections: 2 }).size).toBe(2)
})

test('a server that asks for patience gets half of them', () => {
  const { pool, second } = busyPool({ connections: 8 }, (streams) => streams * 1000)
  for (let i = 0; i < 30; i++) second()
  pool.backOff()
  expect(pool.size).toBe(4)
  for (let i = 0; i < 10; i++) expect(second()).toBe(4)
})

test('never more tasks run than the pool has streams, also after it became smaller', async () => {
  const pool = new StreamPool({ connections: 3, clock: new ManualClock() })
  let running = 0
  let most = 0
  const ends: (() => void)[] = []
  const tasks = Array.from({ length: 9 }, () =>
    pool.run(async () => {
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => ends.push(resolve))
      running--
    }),
  )
  await Promise.resolve()
  pool.backOff()
  while (ends.length > 0) {
    ends.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
    if (ends.length > 0) expect(running).toBe(1)
  }
  await Promise.all(tasks)
  expect(most).toBe(2)
})
