import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../actions/open-store.ts'
import { ManualClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { sweepDaily } from './daily-sweep.ts'

test('sweeps some minutes after the start and every day, until it is stopped; a failure does not end it', async () => {
  const home = await mkdtemp(join(tmpdir(), 'xorbit-daily-'))
  const clock = new ManualClock()
  const waits: number[] = []
  const stop = new AbortController()
  const ticking = Object.assign(Object.create(clock) as ManualClock, {
    nowMs: () => clock.nowMs(),
    nowSeconds: () => clock.nowSeconds(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: async (ms: number) => {
      waits.push(ms / 60_000)
      if (waits.length === 4) stop.abort()
      clock.advance(ms / 1000)
    },
  })
  const store = await openStore({ home, clock: ticking, log: silentLog })
  let sweeps = 0
  const failing = {
    ...store,
    care: Object.assign(Object.create(store.care) as typeof store.care, {
      run: async () => {
        sweeps++
        throw new Error('the disk is gone')
      },
    }),
  }
  await sweepDaily(failing, stop.signal)
  expect(waits).toEqual([10, 1440, 1440, 1440])
  expect(sweeps).toBe(3)
  await store.close()
  await rm(home, { recursive: true })
})
