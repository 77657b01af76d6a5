import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from './app-error.ts'
import { canRetry, parseRetryAfter, planRetry, RETRY_POLICY, retryDelayMs, withRetries } from './retry.ts'

const policies = fc.record({
  retries: fc.integer({ min: 0, max: 20 }),
  firstMs: fc.integer({ min: 0, max: 10_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  capMs: fc.integer({ min: 0, max: 60_000 }),
  retryAfterMsMax: fc.integer({ min: 0, max: 600_000 }),
})

test('never waits less than before, never above the cap, and in all no longer than retries times the cap', () => {
  fc.assert(
    fc.property(policies, fc.double({ min: 0, max: 0.999, noNaN: true }), (policy, random) => {
      const trouble = new AppError('network', 'CONNECTION_LOST', 'lost')
      let total = 0
      for (let retry = 0; retry < policy.retries; retry++) {
        const longest = retryDelayMs(policy, retry)
        expect(longest).toBeLessThanOrEqual(policy.capMs)
        expect(longest).toBeGreaterThanOrEqual(retry === 0 ? 0 : retryDelayMs(policy, retry - 1))
        const delay = planRetry(policy, retry, trouble, random) as number
        expect(delay).toBeGreaterThanOrEqual(longest * 0.75 - 1e-6)
        expect(delay).toBeLessThanOrEqual(longest)
        total += delay
      }
      expect(total).toBeLessThanOrEqual(policy.retries * policy.capMs)
      expect(planRetry(policy, policy.retries, trouble, random)).toBeNull()
    }),
  )
})

test('waits as long as the server asks, unless that is too long', () => {
  const asked = (retryAfterMs: number) =>
    new AppError('rate-limited', 'RATE_LIMITED', '429', { data: { retryAfterMs } })
  expect(planRetry(RETRY_POLICY, 0, asked(2000), 0.5)).toBe(2000)
  expect(planRetry(RETRY_POLICY, 0, asked(99_999_999_000), 0.5)).toBeNull()
})

test('reads Retry-After as seconds and as a date, a past date as now', () => {
  const now = Date.parse('Fri, 21 Nov 2026 12:00:00 GMT')
  expect(parseRetryAfter('2', now)).toBe(2000)
  expect(parseRetryAfter('Sat, 21 Nov 2026 12:00:03 GMT', now)).toBe(3000)
  expect(parseRetryAfter('Sat, 21 Nov 2020 12:00:03 GMT', now)).toBe(0)
  for (const nonsense of ['', undefined, '-5', 'soon', '1.5']) expect(parseRetryAfter(nonsense, now)).toBeNull()
})

test('does not repeat what cannot succeed', () => {
  expect(canRetry(new AppError('not-found', 'NOT_FOUND', ''))).toBe(false)
  expect(canRetry(new AppError('network', 'TLS_REFUSED', '', { data: { permanent: true } }))).toBe(false)
  expect(canRetry(new AppError('upstream', 'UPSTREAM_FAILED', ''))).toBe(true)
})

test('succeeds after passing trouble, and gives up with the last error', async () => {
  const policy = { ...RETRY_POLICY, retries: 3, firstMs: 0 }
  let calls = 0
  const flaky = (failures: number) => async () => {
    if (calls++ < failures) throw new AppError('upstream', 'UPSTREAM_FAILED', `failure ${calls}`)
    return calls
  }
  expect(await withRetries(flaky(3), { policy })).toBe(4)
  calls = 0
  await expect(withRetries(flaky(9), { policy })).rejects.toThrow('failure 4')
})

test('stops waiting when cancelled', async () => {
  const stop = new AbortController()
  const policy = { ...RETRY_POLICY, firstMs: 60_000, capMs: 60_000 }
  const waiting = withRetries(() => Promise.reject(new AppError('network', 'CONNECTION_LOST', 'lost')), {
    policy,
    signal: stop.signal,
  })
  stop.abort('SIGINT')
  await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' })
})
