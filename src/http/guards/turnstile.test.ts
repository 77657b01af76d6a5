/** Which requests begin in which turn of the event loop, and how many at a time. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ManualClock, systemClock } from '../../base/clock.ts'
import { INSIDE_MAX, INSIDE_MS } from '../limits.ts'
import { Turnstile } from './turnstile.ts'

function answer(method = 'GET'): ServerResponse {
  const request = new IncomingMessage(new Socket())
  request.method = method
  return new ServerResponse(request)
}

test('a crowd begins in slices, in order, and every turn of the event loop lets some in', async () => {
  const clock = new ManualClock()
  const turnstile = new Turnstile(clock)
  const begun: number[] = []
  const all = Array.from({ length: 12 }, async (_, i) => {
    await turnstile.pass(answer())
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
    expect(turnstile.pass(answer())).toBeUndefined()
    await nextTurn()
  }
})

test('so many are inside, and each that leaves lets the next one in', async () => {
  const turnstile = new Turnstile(new ManualClock())
  const inside: ServerResponse[] = []
  const crowd = Array.from({ length: INSIDE_MAX + 10 }, async () => {
    const one = answer()
    await turnstile.pass(one)
    inside.push(one)
  })
  for (let i = 0; i < 5; i++) await nextTurn()
  expect(inside).toHaveLength(INSIDE_MAX)
  for (let left = 0; left < 10; left++) {
    turnstile.leave(inside[left] as ServerResponse)
    await nextTurn()
    expect(inside).toHaveLength(INSIDE_MAX + left + 1)
  }
  await Promise.all(crowd)
})

test('uploads are not counted', async () => {
  const turnstile = new Turnstile(new ManualClock())
  for (let i = 0; i < 2 * INSIDE_MAX; i++) expect(turnstile.pass(answer('POST'))).toBeUndefined()
  expect(turnstile.pass(answer())).toBeUndefined()
})

test('those that take long, have begun to answer or are gone keep nobody out', async () => {
  const turnstile = new Turnstile(systemClock)
  const first = Array.from({ length: INSIDE_MAX }, () => answer())
  for (const one of first) await turnstile.pass(one)
  const begunMs = systemClock.monotonicMs()
  await turnstile.pass(answer())
  const waitedMs = systemClock.monotonicMs() - begunMs
  expect(waitedMs).toBeGreaterThan(INSIDE_MS / 2)
  const second = Array.from({ length: INSIDE_MAX - 1 }, () => answer())
  for (const one of second) await turnstile.pass(one)
  const next = turnstile.pass(answer())
  const gone = turnstile.pass(answer())
  second[0]?.writeHead(200)
  second[0]?.flushHeaders()
  second[1]?.destroy()
  await Promise.all([next, gone])
  await sleep(1)
})
