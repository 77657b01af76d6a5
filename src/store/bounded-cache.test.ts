import { expect, test } from 'vitest'
import { BoundedCache } from './bounded-cache.ts'

test('drops the least recently used when the weight is reached', () => {
  const cache = new BoundedCache<number>(10)
  cache.put('a', 1, 4)
  cache.put('b', 2, 4)
  cache.find('a')
  cache.put('c', 3, 4)
  expect(['a', 'b', 'c'].map((key) => cache.find(key))).toEqual([1, undefined, 3])
  expect(cache.weight).toBe(8)
})

test('a value above the whole budget is not kept, and replaces nothing but its own key', () => {
  const cache = new BoundedCache<number>(10)
  cache.put('a', 1, 4)
  cache.put('b', 2, 4)
  cache.put('a', 3, 11)
  expect(cache.find('a')).toBeUndefined()
  expect(cache.find('b')).toBe(2)
})
