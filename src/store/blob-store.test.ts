import { expect, test } from 'vitest'
import { keyOf } from '../../test/suites/blob-store.suite.ts'
import { checkBlobLength } from './blob-store.ts'

test('a blob has less than 4 GiB', () => {
  const tooLarge = expect.objectContaining({ kind: 'too-large', code: 'BLOB_TOO_LARGE' })
  expect(() => checkBlobLength(keyOf('x'), 2 ** 32 - 1)).not.toThrow()
  expect(() => checkBlobLength(keyOf('x'), 2 ** 32)).toThrow(tooLarge)
})
