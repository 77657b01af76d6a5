import { expect, test } from 'vitest'
import { type LfsGrant, readGrant, signGrant } from './lfs-signature.ts'

const key = new Uint8Array(32).fill(7)
const grant: LfsGrant = {
  action: 'upload',
  repo: 'r',
  account: 'a',
  sha256: 'ab'.repeat(32),
  size: 5,
  expirySeconds: 100,
}
const { action, repo, sha256 } = grant
const query = Object.fromEntries(new URLSearchParams(signGrant(key, grant)))

test('a signature holds for exactly what was signed, until it ends', () => {
  expect(readGrant(key, query, { action, repo, sha256, nowSeconds: 99 })).toEqual(grant)
  expect(readGrant(key, query, { action, repo, sha256, nowSeconds: 100 })).toBeNull()
  for (const other of [{ action: 'verify' as const }, { repo: 's' }, { sha256: 'cd'.repeat(32) }]) {
    expect(readGrant(key, query, { action, repo, sha256, nowSeconds: 1, ...other })).toBeNull()
  }
  for (const changed of [
    { account: 'b' },
    { size: '6' },
    { expires: '999' },
    { s: 'AAAA' },
    { s: '' },
    { size: '5e0' },
  ]) {
    expect(readGrant(key, { ...query, ...changed }, { action, repo, sha256, nowSeconds: 1 })).toBeNull()
  }
  expect(readGrant(key, { ...query, s: [query.s] }, { action, repo, sha256, nowSeconds: 1 })).toBeNull()
  expect(
    readGrant(
      key.map(() => 8),
      query,
      { action, repo, sha256, nowSeconds: 1 },
    ),
  ).toBeNull()
})
