import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send, sendRaw } from '../farm/http-send.ts'
import { HubProcess, xorbit } from '../farm/hub-process.ts'

let folder = ''
let hub: HubProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-'))
  hub = await HubProcess.start(folder)
})
afterAll(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})

test.each(['/health', '/livez', '/readyz'])('%s says ok, with a request id', async (path) => {
  const reply = await send(hub.url, path)
  expect(reply.status).toBe(200)
  expect(reply.json()).toMatchObject({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
})

test('what nothing answers is 404 in the form of the Hub', async () => {
  const reply = await send(hub.url, '/-/v1/nothing', { token: hub.adminToken })
  expect(reply.status).toBe(404)
  expect(reply.json()).toMatchObject({ error: expect.any(String), code: 'ROUTE_UNKNOWN' })
})

test('telemetry of hf_xet is answered at the root, at once', async () => {
  expect((await send(hub.url, '/v1/telemetry', { method: 'POST', body: { event: 'x' } })).status).toBe(204)
})

test.each([
  ['evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['localhost.', 403],
  ['a@localhost', 403],
  ['localhost', 200],
  ['LOCALHOST:1', 200],
  ['[::1]:9', 200],
])('Host %s gets %d', async (host, status) => {
  expect((await send(hub.url, '/health', { headers: { host } })).status).toBe(status)
})

test('no Host and two Hosts are refused', async () => {
  expect(await sendRaw(hub.url, 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400/)
  const two = 'GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n'
  expect(await sendRaw(hub.url, two)).toMatch(/^HTTP\/1.1 400/)
})

test('pages of other origins can do nothing, our own can', async () => {
  const options = { method: 'POST', token: hub.adminToken, body: { user: 'mallory' } }
  for (const origin of ['http://evil.example', 'null', 'http://localhost:1']) {
    const reply = await send(hub.url, '/-/v1/users', { ...options, headers: { origin, 'content-type': 'text/plain' } })
    expect(reply.status).toBe(403)
  }
  const own = await send(hub.url, '/health', { headers: { origin: hub.url } })
  expect(own.status).toBe(200)
  const tokens = await send(hub.url, '/-/v1/tokens?user=mallory', { token: hub.adminToken })
  expect(tokens.json()).toMatchObject({ code: 'USER_UNKNOWN' })
})

test('control wants a token of scope admin', async () => {
  expect((await send(hub.url, '/-/v1/tokens')).status).toBe(401)
  expect((await send(hub.url, '/-/v1/tokens', { token: 'hf_wrong' })).status).toBe(401)
  const token = await hub.createUser('walt', 'write')
  expect((await send(hub.url, '/-/v1/tokens', { token })).json()).toMatchObject({ code: 'SCOPE_MISSING' })
})

test.each([
  ['no JSON', 'nope', 400, 'JSON_MALFORMED'],
  ['a field of the wrong type', '{"user":7}', 400, 'FIELD_INVALID'],
  ['deep JSON', '['.repeat(60_000), 400, 'JSON_TOO_DEEP'],
  ['a body above the limit', `"${'x'.repeat(100_000)}"`, 413, 'BODY_TOO_LARGE'],
])('refuses %s', async (_name, body, status, code) => {
  const reply = await send(hub.url, '/-/v1/users', { method: 'POST', token: hub.adminToken, body })
  expect(reply.status).toBe(status)
  expect(reply.json()).toMatchObject({ code })
})

test('whoever sends too much, and wants the connection closed, still sees why', async () => {
  async function* endless() {
    for (let i = 0; i < 64; i++) yield Buffer.alloc(1 << 20, 'x')
  }
  for (let i = 0; i < 5; i++) {
    const options = { method: 'POST', token: hub.adminToken, headers: { connection: 'close' }, body: endless() }
    expect((await send(hub.url, '/-/v1/users', options)).json()).toMatchObject({ code: 'BODY_TOO_LARGE' })
  }
})

test('headers above 16 KiB are refused', async () => {
  const raw = `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`
  expect(await sendRaw(hub.url, raw)).toMatch(/^HTTP\/1.1 431/)
})

test('a second server on the same home is refused, with exit 18', async () => {
  const { code, stderr } = await xorbit(folder, ['serve', '--home', hub.home, '--port', '0'])
  expect(code).toBe(18)
  expect(stderr).toMatch(/FOLDER_IN_USE/)
})

test('the home is private, and users are made while the server runs and while it does not', async () => {
  expect((await stat(hub.home)).mode & 0o777).toBe(0o700)
  expect((await stat(join(hub.home, 'run/token'))).mode & 0o777).toBe(0o600)
  await hub.stop()
  const token = await hub.createUser('zoe', 'read')
  await hub.start()
  expect((await send(hub.url, '/api/whoami-v2', { token })).json()).toMatchObject({ name: 'zoe' })
  const list = await xorbit(folder, ['token', 'ls', '--home', hub.home, '--json'])
  const row = list.stdout.split('\n').find((line) => line.includes('"zoe"')) ?? '{}'
  expect(JSON.parse(row)).toMatchObject({ user: 'zoe', scope: 'read', used: expect.any(String) })
  const revoked = await xorbit(folder, ['token', 'revoke', JSON.parse(row).id, '--home', hub.home])
  expect(revoked.code).toBe(0)
  expect((await send(hub.url, '/api/whoami-v2', { token })).status).toBe(401)
  const again = await xorbit(folder, ['token', 'revoke', JSON.parse(row).id, '--home', hub.home])
  expect([again.code, again.stderr]).toEqual([14, expect.stringContaining('TOKEN_UNKNOWN')])
})

test('SIGTERM ends it with exit code 143 and takes its address away', async () => {
  const other = await HubProcess.start(join(folder, 'other'))
  const exit = await other.stop('SIGTERM')
  expect(exit).toBeUndefined()
  await expect(readFile(join(other.home, 'run/url'))).rejects.toThrow('ENOENT')
})

test('an address that others reach needs a token that somebody chose', async () => {
  const home = join(folder, 'public')
  const args = ['serve', '--home', home, '--host', '0.0.0.0', '--port', '0']
  expect(await xorbit(folder, args)).toMatchObject({ code: 2, stderr: expect.stringContaining('BIND_EXPOSED') })
})

test('a token file that others may read keeps the server from starting', async () => {
  const home = join(folder, 'exposed')
  const other = await HubProcess.start(home)
  await other.stop()
  await chmod(join(other.home, 'run/token'), 0o644)
  const run = await xorbit(folder, ['serve', '--home', other.home, '--port', '0'])
  expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('TOKEN_FILE_EXPOSED') })
})

test.each([
  [['serve', '--port', 'x'], 'FLAG_INVALID'],
  [['user', 'create', 'x', '--scope', 'all'], 'SCOPE_UNKNOWN'],
  [['token', 'create'], 'FLAG_MISSING'],
])('%j is exit 2', async (args, code) => {
  const run = await xorbit(folder, [...args, '--home', join(folder, 'none')])
  expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining(code) })
})
