import { expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { chunkHash } from './hash.ts'
import { parseXorbFooter, writeXorbFooter } from './xorb-footer.ts'
import { XorbBuilder } from './xorb-writer.ts'

function footer(): { bytes: Uint8Array; hash: string } {
  const builder = new XorbBuilder()
  for (const seed of [1, 2, 3]) {
    const plain = splitmix64(seed, 900)
    builder.add(chunkHash(plain), plain)
  }
  const xorb = builder.finish()
  return { bytes: writeXorbFooter(xorb), hash: xorb.hash }
}

const malformed = expect.objectContaining({ kind: 'malformed', code: 'XORB_FOOTER_MALFORMED' })

test('reads the footer it wrote', () => {
  const { bytes, hash } = footer()
  const { hash: read, chunks } = parseXorbFooter(bytes)
  expect({ read, count: chunks.count, plain: chunks.plainBytes }).toEqual({ read: hash, count: 3, plain: 2700 })
})

test('refuses a footer that is cut anywhere, or followed by something', () => {
  const { bytes } = footer()
  for (let length = 0; length < bytes.length; length++) {
    expect(() => parseXorbFooter(bytes.subarray(0, length))).toThrow(malformed)
  }
  expect(() => parseXorbFooter(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(malformed)
})

test('refuses another tag, version or count', () => {
  const { bytes } = footer()
  const countAt = bytes.length - 4
  for (const at of [0, 7, 40, countAt]) {
    const changed = Uint8Array.from(bytes)
    changed[at] = (changed[at] as number) ^ 0xff
    expect(() => parseXorbFooter(changed)).toThrow(malformed)
  }
})
