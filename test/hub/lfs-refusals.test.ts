/** A refused LFS upload says why, in the form of LFS, also to a client that is still sending. */
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HubServer } from './hub-server.ts'

let hub: HubServer
beforeAll(async () => {
  hub = await HubServer.start()
  await hub.create('big')
})
afterAll(() => hub.remove())

async function grantFor(size: number): Promise<string> {
  const objects = [{ oid: 'a'.repeat(64), size }]
  const batch = { operation: 'upload', transfers: ['basic'], objects, hash_algo: 'sha256' }
  return (await hub.post('/alice/big.git/info/lfs/objects/batch', batch)).json.objects[0].actions.upload.href
}

/** Sends it all, whatever the server does meanwhile. */
function put(href: string, length: number, headers: Record<string, string>): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const call = request(href, { method: 'PUT', agent: false, headers: { 'content-length': length, ...headers } })
    call.on('error', reject)
    call.on('response', (response) => {
      let text = ''
      response.on('data', (part) => {
        text += part
      })
      response.on('end', () => resolve([response.statusCode ?? 0, text]))
    })
    call.end(Buffer.alloc(length, 'x'))
  })
}

test('60 MB to a grant for 4000 bytes are refused so that the sender learns it', async () => {
  const href = await grantFor(4000)
  for (const headers of [{}, {}, { connection: 'close' }, { connection: 'close' }]) {
    const [status, text] = await put(href, 60_000_000, headers as Record<string, string>)
    expect(status).toBe(400)
    expect(JSON.parse(text)).toEqual({
      message: expect.stringContaining('4000'),
      code: 'LFS_SIZE_MISMATCH',
      request_id: expect.any(String),
    })
  }
})
