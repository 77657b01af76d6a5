import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { setPublicUrl } from '../origin.ts'
import { isOwnMachine } from './own-machine.ts'

let app: FastifyInstance
afterEach(() => app.close())

async function ask(users: number, { host = 'localhost', from = '127.0.0.1' } = {}): Promise<boolean> {
  app = Fastify()
  const accounts = { listUsers: () => new Array(users).fill({}) }
  setPublicUrl(app, new URL('https://hub.example'))
  app.get('/', async (request) => ({ own: isOwnMachine(accounts, request) }))
  const reply = await app.inject({ url: '/', headers: { host }, remoteAddress: from })
  return reply.json().own
}

test.each([
  ['the only user on this machine', 1, {}, true],
  ['a new home without users', 0, { from: '::1' }, true],
  ['one of several users', 2, {}, false],
  ['another machine', 1, { from: '192.168.1.7' }, false],
  ['a proxy on this machine, for anybody', 1, { host: 'hub.example' }, false],
])('%s', async (_name, users, from, expected) => {
  expect(await ask(users, from)).toBe(expected)
})
