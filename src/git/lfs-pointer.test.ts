import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatPointer, parsePointer } from './lfs-pointer.ts'

const SHA256 = 'ab'.repeat(32)
const V1 = 'version https://git-lfs.github.com/spec/v1'
const good = `${V1}\noid sha256:${SHA256}\nsize 12345\n`
const pointer = { sha256: SHA256, size: 12_345 }
const read = (text: string) => parsePointer(Buffer.from(text))

describe('parsePointer', () => {
  test.each([
    ['the canonical form', good],
    ['no line end at the end', good.trimEnd()],
    ['CRLF', good.replaceAll('\n', '\r\n')],
    ['blank lines and outer white space', `\n  ${good.replace('\noid', '\n\noid')}\n \t`],
    ['the address of hawser', good.replace('git-lfs.github.com', 'hawser.github.com')],
    ['the first address', good.replace('https://git-lfs.github.com/spec/v1', 'http://git-media.io/v/2')],
    ['an extension', good.replace('oid', `ext-0-foo sha256:${'0'.repeat(64)}\noid`)],
  ])('reads %s', (_, text) => expect(read(text)).toEqual(pointer))

  test.each([
    ['an extra key', `${good}xet-merkle abc\n`],
    ['keys in another order', `${V1}\nsize 12345\noid sha256:${SHA256}\n`],
    ['upper-case digits', good.replace(SHA256, SHA256.toUpperCase())],
    ['63 digits', good.replace(SHA256, SHA256.slice(1))],
    ['another hash', good.replace('sha256', 'sha512')],
    ['a size below zero', good.replace('12345', '-1')],
    ['a size of letters', good.replace('12345', '1e5')],
    ['a size past 2^53', good.replace('12345', '9'.repeat(16))],
    ['an unknown version', good.replace('spec/v1', 'spec/v2')],
    ['1,024 bytes and more', good + ' '.repeat(1024 - good.length)],
    ['nothing', ''],
    ['no size', good.replace(/size.*\n/, '')],
    ['bytes that are no text', `${good}\xff`.replace('\xff', '\ufffd')],
  ])('takes %s for a file', (_, text) => expect(read(text)).toBeNull())

  test('takes broken UTF-8 for a file', () => {
    expect(parsePointer(Buffer.concat([Buffer.from(good), Buffer.from([0xff])]))).toBeNull()
  })

  test('reads back whatever it writes', () => {
    const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/)
    fc.assert(
      fc.property(sha256, fc.maxSafeNat(), (digits, size) => {
        expect(read(formatPointer({ sha256: digits, size }))).toEqual({ sha256: digits, size })
      }),
    )
  })

  test('any bytes end in a pointer or in null', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void parsePointer(bytes)))
  })
})
