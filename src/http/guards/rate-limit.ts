/**
 * How many requests one token, or one address without a token of ours, may send in a window, in the Hub's three buckets,
 * told in the Hub's headers. Bounded memory: whoever was seen least lately is forgotten first. Bytes of the CAS, health
 * and metrics are not counted.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../base/app-error.ts'
import type { Clock } from '../../base/clock.ts'
import type { Accounts } from '../../hub/accounts.ts'
import { RATE_KEYS_MAX, RATE_WINDOW_SECONDS } from '../limits.ts'
import { addressOf } from './address.ts'
import { findIdentity } from './identity.ts'

export const BUCKETS = ['api', 'resolvers', 'pages'] as const
export type Bucket = (typeof BUCKETS)[number]
/** Requests in a window; 0 for no limit. */
export type RateLimits = Readonly<Record<Bucket, number>>

const WINDOW_MS = RATE_WINDOW_SECONDS * 1000

/** The first that fits decides; null is not counted. */
const BUCKET_OF: readonly (readonly [route: RegExp, bucket: Bucket | null])[] = [
  [/^\/(cas|-)\/|^\/v1\/telemetry$|^\/(health|livez|readyz|metrics)$/, null],
  [/\/(resolve|raw)\/\*$|\/info\/lfs\/objects\/:oid/, 'resolvers'],
  [/^\/(docs|openapi\.json)?$/, 'pages'],
]

interface Window {
  endMs: number
  readonly counts: Record<Bucket, number>
}

export class RateLimiter {
  readonly #limits: RateLimits
  readonly #clock: Clock
  readonly #windows = new Map<string, Window>()

  constructor(limits: RateLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get keyCount(): number {
    return this.#windows.size
  }

  /** Counts one request. `left` is negative when it is one too many; null where there is no limit. */
  count(key: string, bucket: Bucket): { left: number; limit: number; seconds: number } | null {
    const limit = this.#limits[bucket]
    if (limit === 0) return null
    const now = this.#clock.monotonicMs()
    const known = this.#windows.get(key)
    const window =
      known !== undefined && known.endMs > now
        ? known
        : { endMs: now + WINDOW_MS, counts: { api: 0, resolvers: 0, pages: 0 } }
    this.#windows.delete(key)
    this.#windows.set(key, window)
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size <= RATE_KEYS_MAX) break
      this.#windows.delete(oldest)
    }
    const left = limit - ++window.counts[bucket]
    return { left, limit, seconds: Math.ceil((window.endMs - now) / 1000) }
  }
}

export function addRateLimits(app: FastifyInstance, accounts: Accounts, limiter: RateLimiter): void {
  app.addHook('onRequest', async (request, reply) => {
    const bucket = bucketOf(request.routeOptions.url)
    const state = bucket === null ? null : limiter.count(keyOf(accounts, request), bucket)
    if (bucket === null || state === null) return
    const { left, limit, seconds } = state
    reply.headers({
      ratelimit: `"${bucket}";r=${Math.max(left, 0)};t=${seconds}`,
      'ratelimit-policy': `"fixed window";"${bucket}";q=${limit};w=${RATE_WINDOW_SECONDS}`,
    })
    if (left >= 0) return
    reply.header('retry-after', seconds)
    const message = `More than ${limit} requests of kind ${bucket} in ${RATE_WINDOW_SECONDS} s: try again in ${seconds} s`
    throw new AppError('rate-limited', 'RATE_LIMITED', message, {
      data: { headers: { 'retry-after': String(seconds) } },
    })
  })
}

export function bucketOf(route: string | undefined): Bucket | null {
  const found = BUCKET_OF.find(([pattern]) => pattern.test(route ?? ''))
  return found === undefined || route === undefined ? 'api' : found[1]
}

/** A token's name is unique for its user; whoever shows none of ours is known by the address alone. */
function keyOf(accounts: Accounts, request: FastifyRequest): string {
  const caller = findIdentity(accounts, request)
  if (caller !== null && caller.name !== null) return `token ${caller.name} ${caller.tokenName}`
  return `address ${networkOf(addressOf(request))}`
}

/** Of IPv6 the first 64 bits: one customer has all the others. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('%', 1)[0]?.toLowerCase().split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(8 - left.length - right.length, 0) }, () => '0')
  return [...left, ...zeros, ...right].slice(0, 4).join(':')
}
