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
  ['Unknown system error -122', 'no-space'],
  ['EACCES', 'usage'],
  ['ENAMETOOLONG', 'too-large'],
  ['EMFILE', 'busy'],
  ['ECONNRESET', 'network'],
])('a failed call with %s is %s', (code, kind) => {
  const error = toAppError(Object.assign(new Error('x'), { code }))
  expect(error).toMatchObject({ kind, code: 'SYSTEM_CALL_FAILED' })
})

test("what a command may not write is its user's to mend, what a server may not write is not", () => {
  const denied = toAppError(Object.assign(new Error('x'), { code: 'EROFS' }))
  expect([denied.kind, httpStatusOf(denied)]).toEqual(['usage', 500])
  expect(httpStatusOf(new AppError('usage', 'PATH_INVALID', ''))).toBe(400)
})

test.each([
  [13, 'no-space', 'DATABASE_FULL', 507],
  [778, 'no-space', 'DATABASE_IO', 507],
  [5, 'busy', 'DATABASE_BUSY', 503],
  [8, 'usage', 'DATABASE_READ_ONLY', 500],
  [11, 'damaged', 'DATABASE_DAMAGED', 500],
  [19, 'bug', 'BUG', 500],
])('SQLite error %d is %s, %s, status %d', (errcode, kind, code, status) => {
  const error = toAppError(Object.assign(new Error('x'), { code: 'ERR_SQLITE_ERROR', errcode }))
  expect([error.kind, error.code, httpStatusOf(error)]).toEqual([kind, code, status])
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
