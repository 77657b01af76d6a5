/** Requests that no route takes, and control routes without a token: each refusal says its code. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HubServer } from './hub-server.ts'

let hub: HubServer
beforeAll(async () => {
  hub = await HubServer.start()
})
afterAll(() => hub.remove())

test('the control routes want a token of scope admin', async () => {
  const none = await hub.ask('/-/v1/tokens')
  expect([none.status, none.json.code]).toEqual([401, 'TOKEN_MISSING'])
  const other = await hub.ask('/-/v1/tokens', { token: hub.alice })
  expect([other.status, other.json.code]).toEqual([403, 'SCOPE_MISSING'])
})

test.each(['/api/models/alice/%zz', '/%E0%A4%A'])('the address %s', async (path) => {
  const answer = await hub.ask(path, { token: hub.alice })
  expect([answer.status, answer.json]).toEqual([400, expect.objectContaining({ code: 'REQUEST_BAD' })])
})

test.each([
  ['GET', '/-/v1/care/gc', 'POST'],
  ['GET', '/api/repos/delete', 'DELETE'],
  ['PUT', '/-/v1/users', 'GET, POST'],
  ['PATCH', '/api/models/alice/x/commit/main', 'POST'],
])('%s of %s is told that it knows %s', async (method, path, allow) => {
  const answer = await hub.ask(path, { method, token: hub.alice })
  expect([answer.status, answer.json.code, answer.headers.allow]).toEqual([405, 'METHOD_UNKNOWN', allow])
})
