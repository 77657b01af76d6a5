/**
 * Addresses for LFS transfers, signed: clients call them without credentials. A signature holds for one action, object,
 * size, repository and account, until it ends.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface LfsGrant {
  /** `part-N`: one of the parts that `complete` joins. */
  readonly action: 'upload' | 'verify' | 'download' | 'complete' | `part-${number}`
  /** Opaque id of the repository. */
  readonly repo: string
  readonly account: string
  readonly sha256: string
  readonly size: number
  readonly expirySeconds: number
}

/** The query of an address, without `?`. */
export function signGrant(key: Uint8Array, grant: LfsGrant): string {
  const { account, size, expirySeconds } = grant
  return new URLSearchParams({
    account,
    size: String(size),
    expires: String(expirySeconds),
    s: macOf(key, grant).toString('base64url'),
  }).toString()
}

/** What the query allows; null when it is not ours, for something else, or ended. */
export function readGrant(
  key: Uint8Array,
  query: Readonly<Record<string, unknown>>,
  wanted: Pick<LfsGrant, 'action' | 'repo' | 'sha256'> & { readonly nowSeconds: number },
): LfsGrant | null {
  const { account, size, expires, s } = query
  const { nowSeconds, ...rest } = wanted
  if (typeof account !== 'string' || typeof s !== 'string' || !isCount(size) || !isCount(expires)) return null
  const grant = { ...rest, account, size: Number(size), expirySeconds: Number(expires) }
  const given = Buffer.from(s, 'base64url')
  const expected = macOf(key, grant)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  return grant.expirySeconds > nowSeconds ? grant : null
}

function macOf(key: Uint8Array, { action, repo, account, sha256, size, expirySeconds }: LfsGrant): Buffer {
  const text = ['xorbit-lfs-1', action, repo, account, sha256, size, expirySeconds].join('\n')
  return createHmac('sha256', key).update(text).digest()
}

function isCount(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,15}$/.test(value)
}
