import { expect, test } from 'vitest'
import { UPLOADS_MAX, uploadSizes } from './upload-sizes.ts'

const MIB = 1024 * 1024

test('without limits two large xorbs are on their way', () => {
  expect(uploadSizes(8)).toEqual({ uploads: UPLOADS_MAX, xorbBytes: 32 * MIB })
  expect(uploadSizes(8, { connections: 1 })).toEqual({ uploads: 1, xorbBytes: 32 * MIB })
})

test('memory bounds the xorbs: fewer first, then smaller ones', () => {
  for (const mib of [1, 20, 40, 64, 81, 100, 113, 200]) {
    const { uploads, xorbBytes } = uploadSizes(2, { memoryBytes: mib * MIB })
    if (mib > 19) expect((uploads + 1) * xorbBytes + 17 * MIB).toBeLessThanOrEqual(mib * MIB)
    expect(xorbBytes).toBeGreaterThanOrEqual(MIB)
  }
  expect(uploadSizes(2, { memoryBytes: 113 * MIB })).toEqual({ uploads: 2, xorbBytes: 32 * MIB })
  expect(uploadSizes(2, { memoryBytes: 81 * MIB })).toEqual({ uploads: 1, xorbBytes: 32 * MIB })
})
