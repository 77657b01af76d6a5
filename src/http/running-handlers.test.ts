import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { waitForHandlers } from './running-handlers.ts'

test('a server is closed after the handlers whose clients are gone', async () => {
  const app = Fastify({ forceCloseConnections: true })
  waitForHandlers(app)
  const begun = Promise.withResolvers<void>()
  const work = Promise.withResolvers<string>()
  const order: string[] = []
  app.get('/', async () => {
    begun.resolve()
    const result = await work.promise
    order.push('handler')
    return result
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const client = new AbortController()
  const asked = fetch(`http://127.0.0.1:${port}/`, { signal: client.signal }).catch(() => 'gone')
  await begun.promise
  client.abort()
  expect(await asked).toBe('gone')
  const closed = app.close().then(() => order.push('closed'))
  setImmediate(() => setImmediate(() => work.resolve('late')))
  await closed
  expect(order).toEqual(['handler', 'closed'])
})
