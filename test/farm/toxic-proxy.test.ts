import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from './http-send.ts'
import { LyingProxy } from './lying-proxy.ts'
import { ToxicProxy, type Toxics } from './toxic-proxy.ts'

const BODY = Buffer.alloc(300_000, 'a')
let server: Server
let url: string

beforeAll(async () => {
  server = createServer((request, reply) => {
    request.resume().on('end', () => reply.writeHead(200, { 'content-length': BODY.length }).end(BODY))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => new Promise((resolve) => server.close(resolve)))

async function through<T>(toxics: Toxics, use: (proxy: ToxicProxy) => Promise<T>): Promise<T> {
  const proxy = await ToxicProxy.start(url, toxics)
  try {
    return await use(proxy)
  } finally {
    await proxy.close()
  }
}

describe('ToxicProxy', () => {
  it('passes everything and counts it', async () => {
    await through({}, async (proxy) => {
      const reply = await send(proxy.url, '/', { method: 'POST', body: Buffer.alloc(50_000) })
      expect(reply.body.equals(BODY)).toBe(true)
      expect(proxy.bytesUp).toBeGreaterThan(50_000)
      expect(proxy.bytesUp).toBeLessThan(51_000)
      expect(proxy.bytesDown).toBeGreaterThan(BODY.length)
      expect(proxy.connections).toBe(1)
    })
  })

  it.each(['fin', 'reset'] as const)('cuts what goes to the client by %s', async (cutBy) => {
    const reply = await through({ cutDownAfter: 100_000, cutBy }, (proxy) => send(proxy.url, '/'))
    expect(reply.complete).toBe(false)
    expect(reply.body.length).toBeLessThan(100_000)
  })

  it('cuts what goes to the server', async () => {
    const lost = through({ cutUpAfter: 1000 }, (proxy) =>
      send(proxy.url, '/', { method: 'POST', body: Buffer.alloc(9000) }),
    )
    await expect(lost).rejects.toThrow()
  })

  it('flips exactly one bit', async () => {
    const reply = await through({ flipBitAt: 150_000, sliceBytes: 1024 }, (proxy) => send(proxy.url, '/'))
    const differing = [...reply.body.keys()].filter((i) => reply.body[i] !== BODY[i])
    expect(differing).toHaveLength(1)
    expect(reply.body[differing[0] as number]).toBe((BODY[0] as number) ^ 1)
  })

  it('swallows an answer and keeps the connection open', async () => {
    const lost = through({ blackHoleAfter: 0 }, (proxy) => send(proxy.url, '/', { timeoutMs: 200 }))
    await expect(lost).rejects.toThrow('No answer')
  })
})

describe('LyingProxy', () => {
  it('tells what the test says, and remembers what was asked', async () => {
    const proxy = await LyingProxy.start(url, (_exchange, answer) => ({ ...answer, body: answer.body.subarray(0, 10) }))
    const reply = await send(proxy.url, '/path?query=1')
    await proxy.close()
    expect(reply.body.toString()).toBe('a'.repeat(10))
    expect(proxy.exchanges).toMatchObject([{ method: 'GET', path: '/path?query=1', status: 200, bytes: 10 }])
  })

  it('ends the connection for a lie of null', async () => {
    const proxy = await LyingProxy.start(url, () => null)
    await expect(send(proxy.url, '/')).rejects.toThrow()
    await proxy.close()
  })
})
