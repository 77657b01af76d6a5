import { expect, test } from 'vitest'
import { findPointer } from './pointer.ts'

const find = (text: string, fileBytes = text.length) => findPointer(Buffer.from(text), fileBytes)
const HEX = 'a'.repeat(64)

test.each([
  ['LFS', `version https://git-lfs.github.com/spec/v1\noid sha256:${HEX}\nsize 5\n`],
  ['LFS', `version http://git-media.io/v/2\r\noid sha256:${HEX}\r\nsize 5\r\n`],
  ['Xet', `# xet version 0\nfilesize = 5\nhash = '${HEX}'\n`],
  ['Xet', JSON.stringify({ hash: HEX, file_size: 5 })],
])('%s: recognised', (kind, text) => {
  expect(find(text)).toBe(kind)
})

test('a file itself is none, however it begins', () => {
  expect(find('GGUF\0\0\0')).toBeNull()
  expect(find('')).toBeNull()
  expect(find('{"hidden_size": 64}')).toBeNull()
  expect(find('version https://git-lfs.github.com/spec/v1\n', 5_000_000)).toBeNull()
  expect(findPointer(Buffer.from([0xff, 0xfe, 0]), 3)).toBeNull()
})
