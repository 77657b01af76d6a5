import { expect, test } from 'vitest'
import { connectionsFor, connectionsMax } from './connection-limit.ts'

test.each([
  [20_000, 18_976],
  [1_048_576, 1_047_552],
  [1_024, 512],
  [64, 32],
])('of %d files that may be open, %d may be connections', (descriptors, connections) => {
  expect(connectionsFor(descriptors)).toBe(connections)
})

test('this system says its bound', async () => {
  const max = await connectionsMax()
  expect(max === null || max > 0).toBe(true)
})
