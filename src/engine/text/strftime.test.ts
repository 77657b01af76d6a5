import { expect, test } from 'vitest'
import { strftime } from './strftime.ts'

/** Sunday, 3 March 2024, 00:07:09 UTC; what CPython 3.11 prints for each directive. */
const MOMENT = Date.UTC(2024, 2, 3, 0, 7, 9)

test.each([
  ['%Y-%m-%d', '2024-03-03'],
  ['%d %b %Y', '03 Mar 2024'],
  ['%A, %B %e %y', 'Sunday, March  3 24'],
  ['%a %-d %-m', 'Sun 3 3'],
  ['%H:%M:%S', '00:07:09'],
  ['%I %p', '12 AM'],
  ['%j', '063'],
  ['%F %T %D %R', '2024-03-03 00:07:09 03/03/24 00:07'],
  ['%Z %z %%', 'UTC +0000 %'],
  ['%Q 100% %', '%Q 100% %'],
])('%s', (format, expected) => expect(strftime(format, MOMENT)).toBe(expected))

test('the last day of a leap year, in the afternoon', () => {
  expect(strftime('%j %I %p', Date.UTC(2024, 11, 31, 15))).toBe('366 03 PM')
})
