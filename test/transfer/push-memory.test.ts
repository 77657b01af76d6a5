/** A push holds a few xorbs in memory, however many files are read and however slow the server is. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { HttpClient } from '../../src/base/http-client.ts'
import { HubClient } from '../../src/transfer/hub-client.ts'
import { RemoteCas } from '../../src/transfer/remote-cas.ts'
import { UploadSession } from '../../src/transfer/upload-session.ts'
import { XetSession } from '../../src/transfer/xet-session.ts'
import { closeServer, listen } from '../farm/fake-origin.ts'
import { splitmix64 } from '../vectors/recipe.ts'

const FILES = 64
const FILE_BYTES = 300_000
const XORB_BYTES = 1024 * 1024
const UPLOADS = 2

let folder = ''
const held: ServerResponse[] = []
let holds = true
/** A CAS that answers no xorb while `holds`. */
const server = createServer((request, response) => {
  const { url = '', headers } = request
  request.resume().on('end', () => {
    if (url.includes('-token/')) {
      const casUrl = `http://${headers.host}/cas`
      return response.end(JSON.stringify({ casUrl, exp: 4_000_000_000, accessToken: 'xet_x' }))
    }
    if (url.includes('/chunks/')) return response.writeHead(404).end()
    if (url.includes('/shards')) return response.writeHead(url.startsWith('/cas/v2') ? 404 : 200).end('{"result":1}')
    if (holds) held.push(response)
    else response.end('{"was_inserted":true}')
  })
})
afterEach(async () => {
  await closeServer(server)
  await rm(folder, { recursive: true })
})

test('reading waits while nothing can be sent', async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-memory-'))
  const http = new HttpClient({ env: {} })
  const hub = new HubClient({ http, endpoint: await listen(server), token: 'hf_test' })
  const repo = { type: 'model', id: 'f/slow' } as const
  const cas = new RemoteCas({ http, session: new XetSession({ hub, repo, scope: 'write', revision: 'main' }) })
  const session = new UploadSession({ cas, uploads: 8, xorbBytes: XORB_BYTES, onSent: () => undefined })
  let read = 0
  const adding = Promise.all(
    Array.from({ length: FILES }, async (_, i) => {
      const path = join(folder, `${i}.bin`)
      await writeFile(path, splitmix64(i + 1, FILE_BYTES))
      await using file = await open(path)
      return await session.add(path, file, (bytes) => {
        read += bytes
      })
    }),
  )
  await vi.waitUntil(() => held.length === UPLOADS, { timeout: 20_000 })
  for (let turn = 0; turn < 500; turn++) await new Promise(setImmediate)
  expect(held.length).toBe(UPLOADS)
  expect(read).toBeLessThanOrEqual((UPLOADS + 1) * XORB_BYTES)
  holds = false
  for (const response of held) response.end('{"was_inserted":true}')
  await session.finish(await adding)
  expect(read).toBe(FILES * FILE_BYTES)
  await http.close()
})
