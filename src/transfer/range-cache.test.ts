import { expect, test } from 'vitest'
import { parseHash } from '../xet/hash.ts'
import { RangeCache } from './range-cache.ts'

const xorb = parseHash<'xorb'>('ab'.repeat(32))
const other = parseHash<'xorb'>('cd'.repeat(32))
const range = (start: number, end: number, of = xorb) => ({ xorb: of, bytes: { start, end } })

function bring(cache: RangeCache, start: number, end: number, of = xorb): void {
  const collector = cache.collect(range(start, end, of)) ?? cache.collect(range(start, end, of))
  collector?.add(Uint8Array.from({ length: end - start }, (_, i) => start + i))
  collector?.keep()
}

test('keeps a range from the second time on, and only after it was proved', () => {
  const cache = new RangeCache(1000)
  expect(cache.collect(range(10, 20))).toBeNull()
  const collector = cache.collect(range(10, 20))
  collector?.add(new Uint8Array(10).fill(7))
  expect(cache.find(range(10, 20))).toBeNull()
  collector?.keep()
  expect(cache.find(range(10, 20))).toEqual(new Uint8Array(10).fill(7))
  expect(cache.find(range(10, 20, other))).toBeNull()
})

test('gives a part of what it keeps, nothing that goes beyond it', () => {
  const cache = new RangeCache(1000)
  bring(cache, 10, 20)
  expect(cache.find(range(12, 15))).toEqual(Uint8Array.of(12, 13, 14))
  expect(cache.find(range(9, 15))).toBeNull()
  expect(cache.find(range(15, 21))).toBeNull()
})

test('keeps nothing that did not come whole, or was dropped', () => {
  const cache = new RangeCache(1000)
  for (const spoil of ['short', 'long', 'gap', 'dropped']) {
    const collector = cache.collect(range(0, 10)) ?? cache.collect(range(0, 10))
    collector?.add(new Uint8Array(spoil === 'short' ? 9 : spoil === 'long' ? 11 : 5))
    if (spoil === 'gap') collector?.seek(6)
    if (spoil === 'gap') collector?.add(new Uint8Array(4))
    if (spoil === 'dropped') collector?.add(new Uint8Array(5))
    if (spoil === 'dropped') collector?.drop()
    collector?.keep()
    expect(cache.find(range(0, 10))).toBeNull()
  }
})

test('goes on after a break where the file does', () => {
  const cache = new RangeCache(1000)
  cache.collect(range(0, 6))
  const collector = cache.collect(range(0, 6))
  collector?.add(Uint8Array.of(1, 2, 3, 99))
  collector?.seek(3)
  collector?.add(Uint8Array.of(4, 5, 6))
  collector?.keep()
  expect(cache.find(range(0, 6))).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6))
})

test('holds no more than its budget: what was not used for longest goes, what is collected counts', () => {
  const cache = new RangeCache(100)
  expect(cache.collect(range(0, 26)) ?? cache.collect(range(0, 26))).toBeNull()
  for (const start of [0, 25, 50, 75]) bring(cache, start, start + 25)
  expect(cache.find(range(0, 25))).not.toBeNull()
  bring(cache, 100, 125)
  expect(cache.find(range(0, 25))).not.toBeNull()
  expect(cache.find(range(25, 50))).toBeNull()
  const pending = [125, 150, 175, 200].map((at) => {
    cache.collect(range(at, at + 25))
    return cache.collect(range(at, at + 25))
  })
  expect(cache.find(range(0, 25))).toBeNull()
  cache.collect(range(300, 310))
  expect(cache.collect(range(300, 310))).toBeNull()
  for (const one of pending) one?.drop()
  bring(cache, 300, 310)
  expect(cache.find(range(300, 310))).not.toBeNull()
})
