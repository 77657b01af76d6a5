import { expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { chunkHash } from '../xet/hash.ts'
import { KnownChunks, type XorbSlot } from './known-chunks.ts'

const hashes = [1, 2, 3, 4].map((seed) => chunkHash(splitmix64(seed, 100)))

test('finds the longest run of chunks that lie in one xorb in this order', () => {
  const known = new KnownChunks()
  const slot: XorbSlot = { hash: null, hashes: [] }
  for (const hash of hashes.slice(0, 3)) known.add(hash, slot)
  expect(known.findRun(hashes, 1)).toMatchObject({ start: 1, count: 2 })
  expect(known.findRun([hashes[0], hashes[2]] as typeof hashes, 0)).toMatchObject({ start: 0, count: 1 })
  expect(known.findRun(hashes, 3)).toBeNull()
})

test('a run that would begin behind the last chunk is a fault of the caller', () => {
  const attempt = () => new KnownChunks().findRun(hashes, hashes.length)
  expect(attempt).toThrow(expect.objectContaining({ kind: 'bug', code: 'RUN_START_BAD' }))
})
