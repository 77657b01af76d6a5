import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { closeServer, type FakeOrigin, listen, startFakeOrigin } from '../../test/farm/fake-origin.ts'
import { HttpClient } from './http-client.ts'
import { RETRY_POLICY } from './retry.ts'

/** This machine by a name that is not its loopback. */
const OUTSIDE = '0.0.0.0'
const TLS_HANDSHAKE = 22

let origin: FakeOrigin
let proxy: ReturnType<typeof createServer>
let proxyUrl: string
let asked: string[]
beforeEach(async () => {
  asked = []
  origin = await startFakeOrigin()
  proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(request.url?.includes('locked') ? 407 : 200).end('{}')
  })
  proxy.on('connect', (request, outer: Socket) => {
    asked.push(`CONNECT ${request.url}`)
    const inner = connect(Number((request.url ?? '').split(':')[1]), '127.0.0.1', () => {
      outer.write('HTTP/1.1 200 OK\r\n\r\n')
      outer.pipe(inner).pipe(outer)
    })
    outer.on('error', () => inner.destroy()).on('close', () => inner.destroy())
    inner.on('error', () => outer.destroy()).on('close', () => outer.destroy())
  })
  proxyUrl = await listen(proxy)
})
afterEach(async () => {
  await origin.close()
  await closeServer(proxy)
})

async function withClient(env: Record<string, string>, use: (client: HttpClient) => Promise<void>): Promise<void> {
  const client = new HttpClient({ env, retry: { ...RETRY_POLICY, retries: 0 } })
  await use(client).finally(() => client.close())
}

test('plain addresses go through HTTP_PROXY, but not to NO_PROXY and not to this machine', async () => {
  const outside = origin.url.replace('127.0.0.1', OUTSIDE)
  await withClient({ HTTP_PROXY: proxyUrl }, async (client) => {
    await client.json({ url: `${outside}/echo` })
    for (const host of ['127.0.0.1', 'localhost']) {
      await client.json({ url: `${origin.url.replace('127.0.0.1', host)}/echo` })
    }
  })
  await withClient({ HTTP_PROXY: proxyUrl, NO_PROXY: OUTSIDE }, async (client) => {
    await client.json({ url: `${outside}/echo` })
  })
  expect(asked).toHaveLength(1)
})

test('a proxy that wants credentials is named', async () => {
  await withClient({ HTTP_PROXY: proxyUrl }, async (client) => {
    const locked = client.json({ url: `http://${OUTSIDE}:9/locked` })
    await expect(locked).rejects.toMatchObject({ code: 'PROXY_REFUSED' })
  })
})

test('encrypted addresses get a tunnel through HTTPS_PROXY, and encryption begins inside of it', async () => {
  const firstBytes: number[] = []
  const target = createTcpServer((socket) => {
    socket.once('data', (bytes) => {
      firstBytes.push(bytes[0] as number)
      socket.destroy()
    })
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const { port } = target.address() as AddressInfo
  await withClient({ HTTPS_PROXY: proxyUrl }, async (client) => {
    await expect(client.json({ url: `https://hub.test:${port}/api` })).rejects.toMatchObject({ kind: 'network' })
  })
  expect(asked).toEqual([`CONNECT hub.test:${port}`])
  expect(firstBytes).toEqual([TLS_HANDSHAKE])
  target.close()
})
