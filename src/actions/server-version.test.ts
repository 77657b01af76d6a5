import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { HttpClient } from '../base/http-client.ts'
import { VERSION } from '../base/version.ts'
import { checkServerVersion } from './server-version.ts'

let server: Server
afterEach(() => {
  server.close()
})

async function check(health: object): Promise<void> {
  server = createServer((_request, reply) => {
    reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(health))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const http = new HttpClient({ env: {} })
  try {
    await checkServerVersion(http, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    await http.close()
  }
}

test('a server of this version is spoken to', async () => {
  await expect(check({ status: 'ok', version: VERSION })).resolves.toBeUndefined()
})

test.each([{ version: '0.0.1' }, { version: 7 }, {}])('a server that says %j is not', async (health) => {
  const refusal = { kind: 'unsupported', code: 'SERVER_VERSION_DIFFERS', message: expect.stringContaining(VERSION) }
  await expect(check(health)).rejects.toMatchObject(refusal)
})
