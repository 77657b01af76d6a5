import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeServer, type FakeOrigin, listen, startFakeOrigin } from '../../test/farm/fake-origin.ts'
import { HttpClient } from './http-client.ts'
import { RETRY_POLICY } from './retry.ts'

let origin: FakeOrigin
const client = new HttpClient({ env: {}, idleMs: 300, retry: { ...RETRY_POLICY, retries: 0 } })
beforeAll(async () => {
  origin = await startFakeOrigin()
})
afterAll(async () => {
  await client.close()
  await origin.close()
})

async function readRange(fault: string): Promise<void> {
  const range = client.range({ url: `${origin.url}/fault/${fault}` }, { start: 0, end: 40 })
  for await (const piece of range) expect(piece.length).toBeGreaterThan(0)
}

test.each([
  ['gzip-label', 'ENCODING_UNASKED'],
  ['other-range', 'RANGE_REPLY_WRONG'],
  ['no-content-range', 'RANGE_REPLY_WRONG'],
  ['range-ignored', 'RANGE_REPLY_WRONG'],
  ['no-length-long', 'RANGE_REPLY_WRONG'],
  ['chunked-without-end', 'CONNECTION_LOST'],
  ['silent-after-bytes', 'NO_PROGRESS'],
])('a range reply with the fault %s is %s', async (fault, code) => {
  await expect(readRange(fault)).rejects.toMatchObject({ code })
})

test.each([204, 304])('a reply of status %d that announces a body which never comes is cut short', async (status) => {
  const server = createServer((request) => {
    request.socket.end(`HTTP/1.1 ${status} X\r\nContent-Length: 40\r\n\r\n`)
  })
  const url = await listen(server)
  const read = client.exchange({ url }, async ({ body }) => {
    for await (const piece of body) expect(piece.length).toBeGreaterThan(0)
  })
  await expect(read).rejects.toMatchObject({ kind: 'network', code: 'REPLY_CUT_SHORT' })
  await closeServer(server)
})

test('a header with a line break is refused before anything is sent', async () => {
  const before = origin.seen.length
  for (const headers of [{ authorization: 'Bearer a\r\nX-Evil: 1' }, { 'x-name': 'a\0b' }]) {
    const sent = client.send({ url: `${origin.url}/echo`, headers })
    await expect(sent).rejects.toMatchObject({ kind: 'usage', code: 'HEADER_BAD' })
  }
  expect(origin.seen.length).toBe(before)
})
