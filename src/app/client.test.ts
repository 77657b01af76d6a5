import { expect, test } from 'vitest'
import { checkNode } from './client.ts'

test.each(['24.15.0', '24.21.0', '25.0.0'])('Node %s runs the library', (version) => {
  expect(() => checkNode(version)).not.toThrow()
})

test.each(['20.19.0', '22.15.0', '24.14.9'])('Node %s is refused with the version that is needed', (version) => {
  expect(() => checkNode(version)).toThrow(
    expect.objectContaining({ kind: 'unsupported', code: 'NODE_TOO_OLD', message: expect.stringContaining('24.15') }),
  )
})
