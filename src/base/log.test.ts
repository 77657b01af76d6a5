import { expect, test } from 'vitest'
import { createLog } from './log.ts'

test('no secret reaches a line, by key or inside a text', () => {
  let lines = ''
  const log = createLog('info', { write: (text: string) => (lines += text) })
  log.info({ headers: { authorization: 'Bearer hf_abcdefghijklmnop' }, token: 'hf_abcdefghijklmnop' }, 'in')
  log.info({ url: '/x?c=1&s=AbCdEfGhIjKlMnOpQrStUv' }, 'token hf_abcdefghijklmnop and xet_abcdefghijk.lmn')
  expect(lines).not.toMatch(/abcdefgh|AbCdEf/)
  expect(lines.match(/\*\*\*/g)?.length).toBe(5)
})
