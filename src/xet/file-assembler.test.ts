import { expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { assembleFile } from './file-assembler.ts'
import { chunkHash, type XorbHash } from './hash.ts'
import { fileHash } from './merkle.ts'
import type { Term } from './shard-reader.ts'

const plains = [1, 2, 3].map((seed) => splitmix64(seed, 1000 * seed))
const nodes = plains.map((plain) => ({ hash: chunkHash(plain), length: plain.length }))
const term: Term = { xorb: 'a'.repeat(64) as XorbHash, start: 0, end: 3, plainLength: 6000 }

/** The file of three chunks, when `indexes` come from the xorb for `wanted`. */
async function assemble(indexes: readonly number[], wanted: Partial<Term> = {}, hash = fileHash(nodes)) {
  async function* openTerm() {
    for (const index of indexes)
      yield { index, hash: chunkHash(plains[index] as Uint8Array), plain: plains[index] as Uint8Array }
  }
  const parts: Uint8Array[] = []
  for await (const part of assembleFile({ hash, terms: [{ ...term, ...wanted }] }, openTerm)) parts.push(part)
  return Buffer.concat(parts)
}

test('gives the bytes of the file', async () => {
  expect(await assemble([0, 1, 2])).toEqual(Buffer.concat(plains))
})

test.each([
  ['misses its last chunk', [0, 1], {}],
  ['misses one inside', [0, 2], {}],
  ['has one too many', [0, 1, 2], { end: 2, plainLength: 3000 }],
  ['is longer than it says', [0, 1, 2], { plainLength: 5999 }],
])('refuses a term that %s', async (_name, indexes, wanted) => {
  await expect(assemble(indexes, wanted)).rejects.toMatchObject({ kind: 'integrity', code: 'TERM_MISMATCH' })
})

test('refuses chunks that make another file', async () => {
  const other = fileHash(nodes.slice(0, 2))
  await expect(assemble([0, 1, 2], {}, other)).rejects.toMatchObject({ code: 'FILE_HASH_MISMATCH' })
})
