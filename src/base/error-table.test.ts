import { expect, test } from 'vitest'
import { AppError } from './app-error.ts'
import { ERROR_TABLE, httpStatusOf, toAppError } from './error-table.ts'

test('a stale parent is 412, any other conflict 409', () => {
  expect(httpStatusOf(new AppError('conflict', 'PARENT_STALE', ''))).toBe(412)
  expect(httpStatusOf(new AppError('conflict', 'REPO_EXISTS', ''))).toBe(409)
})

test.each([
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EACCES', 'usage'],
  ['EMFILE', 'busy'],
  ['ECONNRESET', 'network'],
])('a failed call with %s is %s', (code, kind) => {
  const error = toAppError(Object.assign(new Error('x'), { code }))
  expect(error).toMatchObject({ kind, code: 'SYSTEM_CALL_FAILED' })
})

test('what nobody foresaw is a bug, and an aborted call is cancelled', () => {
  expect(toAppError(new TypeError('x'))).toMatchObject({ kind: 'bug', code: 'BUG' })
  expect(toAppError(new DOMException('x', 'AbortError'))).toMatchObject({ kind: 'cancelled', code: 'CANCELLED' })
})

test('every kind has a status, and an exit code that is not 0', () => {
  for (const { http, exit } of Object.values(ERROR_TABLE)) {
    expect(http).toBeGreaterThanOrEqual(400)
    expect(exit).toBeGreaterThan(0)
  }
})
