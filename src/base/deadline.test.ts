import { expect, test } from 'vitest'
import { ManualClock } from './clock.ts'
import { Deadline } from './deadline.ts'

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('fires after the idle time without progress, not before', async () => {
  const clock = new ManualClock()
  const deadline = new Deadline({ what: 'GET x', idleMs: 30_000, clock })
  clock.advance(29)
  await settle()
  deadline.touch()
  clock.advance(29)
  await settle()
  expect(deadline.signal.aborted).toBe(false)
  clock.advance(1)
  await settle()
  expect(deadline.signal.reason).toMatchObject({ kind: 'timeout', code: 'NO_PROGRESS' })
})

test('does not count the time in which we are the slow side', async () => {
  const clock = new ManualClock()
  const deadline = new Deadline({ what: 'GET x', idleMs: 1000, clock })
  deadline.pause()
  for (let i = 0; i < 5; i++) {
    clock.advance(1)
    await settle()
  }
  expect(deadline.signal.aborted).toBe(false)
  deadline.touch()
  clock.advance(1)
  await settle()
  clock.advance(1)
  await settle()
  expect(deadline.signal.aborted).toBe(true)
})

test('ends a trickle at the total deadline', async () => {
  const clock = new ManualClock()
  const deadline = new Deadline({ what: 'GET x', idleMs: 2000, totalMs: 3000, clock })
  for (let i = 0; i < 3; i++) {
    deadline.touch()
    clock.advance(1)
    await settle()
  }
  expect(deadline.signal.reason).toMatchObject({ kind: 'timeout', code: 'TOOK_TOO_LONG' })
})

test('passes the caller on as cancelled, whatever its reason is', () => {
  const stop = new AbortController()
  const deadline = new Deadline({ what: 'GET x', idleMs: 1000, signal: stop.signal })
  stop.abort('SIGINT')
  expect(deadline.signal.reason).toMatchObject({ kind: 'cancelled' })
  deadline.close()
})
