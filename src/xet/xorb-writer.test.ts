import { expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { CHUNK_PLAIN_BYTES_MAX, XORB_CHUNKS_MAX } from './constants.ts'
import { chunkHash } from './hash.ts'
import { XorbBuilder } from './xorb-writer.ts'

const add = (builder: XorbBuilder, plain: Uint8Array) => () => builder.add(chunkHash(plain), plain)
const full = expect.objectContaining({ kind: 'bug', code: 'XORB_FULL' })

test('takes no empty chunk and none above 128 KiB', () => {
  const builder = new XorbBuilder()
  expect(add(builder, new Uint8Array(0))).toThrow(full)
  expect(add(builder, new Uint8Array(CHUNK_PLAIN_BYTES_MAX + 1))).toThrow(full)
  expect(add(builder, new Uint8Array(CHUNK_PLAIN_BYTES_MAX))()).toBe(0)
})

test('takes as many chunks as fit, and stays whole when one more is refused', () => {
  const builder = new XorbBuilder({ compression: 'none' })
  const plain = splitmix64(1, 8)
  for (let i = 0; i < XORB_CHUNKS_MAX; i++) add(builder, plain)()
  expect(builder.fits(1)).toBe(false)
  expect(add(builder, plain)).toThrow(full)
  expect(builder.finish().chunks.count).toBe(XORB_CHUNKS_MAX)
})
