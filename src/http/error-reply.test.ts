import { expect, test } from 'vitest'
import { AppError } from '../base/app-error.ts'
import { toAppError } from '../base/error-table.ts'
import { publicText } from './error-reply.ts'

test.each([
  new AppError('no-space', 'DATABASE_FULL', 'No space left to write /home/ann/xorbit/catalog.db'),
  toAppError(Object.assign(new Error("ENOSPC: no space left on device, open '/home/ann/x'"), { code: 'ENOSPC' })),
  toAppError(new TypeError('/home/ann is undefined')),
])('clients learn no folder of the server from %s', (error) => {
  expect(publicText(error)).not.toMatch(/ann/)
})

test('what a client did wrong is told', () => {
  expect(publicText(new AppError('usage', 'FIELD_INVALID', 'size: invalid'))).toBe('size: invalid')
})
