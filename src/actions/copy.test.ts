/** What a Hub may say to a copy, played by a small one. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { copyFiles } from './copy.ts'

const OID = 'a'.repeat(40)
const SHA256 = 'b'.repeat(64)
let server: Server
afterEach(() => new Promise((resolve) => server.close(resolve)))

/** A Hub with these files that cannot hand over any. */
async function hubWith(files: readonly object[]): Promise<string> {
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const answer = pathname.includes('/tree/')
      ? files
      : pathname.endsWith('/duplicate')
        ? { success: false, failed: [{ sha256: SHA256, error: 'lost' }] }
        : { sha: OID, id: 'a/b' }
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json').setHeader('connection', 'close')
      response.end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('large files that the Hub cannot hand over end it before anything is committed', async () => {
  const endpoint = await hubWith([{ type: 'file', path: 'w', oid: OID, size: 9, lfs: { oid: SHA256, size: 9 } }])
  await expect(copyFiles('a/b/w', 'a/c', { endpoint, token: 'hf_x' })).rejects.toMatchObject({ code: 'COPY_REFUSED' })
})

test('more small files than a commit takes are refused before they are fetched', async () => {
  const files = Array.from({ length: 30 }, (_, i) => ({ type: 'file', path: `d/${i}`, oid: OID, size: 10_000_000 }))
  const endpoint = await hubWith(files)
  await expect(copyFiles('a/b/d', 'a/c', { endpoint, token: 'hf_x' })).rejects.toMatchObject({ code: 'COPY_TOO_LARGE' })
})
