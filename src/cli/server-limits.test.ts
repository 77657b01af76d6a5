import { expect, test } from 'vitest'
import { parseServerLimits } from './server-limits.ts'

test('flags set quotas and rates, none leaves the usual ones', () => {
  expect(parseServerLimits({})).toEqual({ quotas: {}, rates: {} })
  const flags = { quotaRepos: '3', quotaBytes: '500G', rateLimit: ['api=1000', 'pages=0'] }
  expect(parseServerLimits(flags)).toEqual({
    quotas: { reposMax: 3, bytesMax: 500 * 2 ** 30 },
    rates: { api: 1000, pages: 0 },
  })
})

test.each([
  { quotaRepos: '-1' },
  { quotaRepos: '1e9' },
  { quotaBytes: '5 GB' },
  { quotaBytes: '9999999999T' },
  { rateLimit: ['api'] },
  { rateLimit: ['all=5'] },
  { rateLimit: ['api=-5'] },
])('%j is refused', (flags) => {
  expect(() => parseServerLimits(flags)).toThrow(expect.objectContaining({ code: 'FLAG_INVALID' }))
})
