import { expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { RATE_LIMITS } from '../limits.ts'
import { bucketOf, networkOf, RateLimiter } from './rate-limit.ts'

test('counts start anew with the next window, in bounded memory; 0 is no limit', () => {
  const clock = new ManualClock()
  const limiter = new RateLimiter({ ...RATE_LIMITS, api: 1, pages: 0 }, clock)
  expect([limiter.count('a', 'api')?.left, limiter.count('a', 'api')?.left]).toEqual([0, -1])
  clock.advance(299)
  expect(limiter.count('a', 'api')).toMatchObject({ left: -2, seconds: 1 })
  clock.advance(1)
  expect(limiter.count('a', 'api')?.left).toBe(0)
  expect(limiter.count('a', 'pages')).toBeNull()
  for (let i = 0; i < 60_000; i++) limiter.count(String(i), 'api')
  expect(limiter.keyCount).toBe(50_000)
})

test.each([
  ['/api/models', 'api'],
  [undefined, 'api'],
  ['/:ns/:name/resolve/*', 'resolvers'],
  ['/:ns/:name/info/lfs/objects/:oid', 'resolvers'],
  ['/:ns/:name/info/lfs/objects/batch', 'api'],
  ['/docs', 'pages'],
  ['/', 'pages'],
  ['/cas/:epoch/:account/v1/shards', null],
  ['/-/v1/users', null],
  ['/metrics', null],
] as const)('%s is of bucket %s', (route, bucket) => {
  expect(bucketOf(route)).toBe(bucket)
})

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
