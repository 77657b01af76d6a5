/** Every kind of write leaves its line: who, what, when, from where, no secret; and nobody takes a line away. */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../../src/base/clock.ts'
import { Accounts } from '../../src/hub/accounts.ts'
import { file, HubServer } from './hub-server.ts'

let hub: HubServer
let admin: string
beforeAll(async () => {
  hub = await HubServer.start()
  hub.parts.accounts.createUser('root')
  admin = hub.parts.accounts.createToken('root', { scope: 'admin', name: 'desk' }).token
})
afterAll(() => hub.remove())

/** The lines that `work` leaves. */
async function linesOf(work: () => Promise<unknown>) {
  const { audit } = hub.parts.accounts
  const before = audit.list({ count: 10_000 }).at(-1)?.seq ?? 0
  await work()
  return audit.list({ after: before, count: 100 })
}

const control = (method: string, path: string, body?: object) =>
  hub.ask(`/-/v1/${path}`, { method, token: admin, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })

const repo = '/api/models/alice/x'
const send = (method: string, path: string, body = '{}') => hub.ask(path, { method, token: hub.alice, body })

test.each<[string, string, () => Promise<{ status: number }>]>([
  ['repo.create', 'alice/x', () => hub.create('x')],
  ['repo.create', 'datasets/alice/d', () => hub.create('d', { type: 'dataset' })],
  ['commit', 'alice/x', () => hub.commit('alice/x', [file('a', 'b')])],
  ['commit', 'datasets/alice/d', () => hub.commit('alice/d', [file('a', 'b')], { type: 'datasets' })],
  ['branch.create', 'alice/x', () => send('POST', `${repo}/branch/side`)],
  ['branch.delete', 'alice/x', () => send('DELETE', `${repo}/branch/side`)],
  ['tag.create', 'alice/x', () => send('POST', `${repo}/tag/main`, '{"tag":"v1"}')],
  ['tag.delete', 'alice/x', () => send('DELETE', `${repo}/tag/v1`)],
  ['repo.settings', 'alice/x', () => send('PUT', `${repo}/settings`, '{"private":true,"gated":"manual"}')],
  ['repo.duplicate', 'alice/x', () => send('POST', `${repo}/duplicate`, '{"repository":"alice/copy"}')],
  ['squash', 'alice/x', () => send('POST', `${repo}/super-squash/main`)],
  ['lfs.delete', 'alice/x', () => send('POST', `${repo}/lfs-files/batch`, '{"deletions":{"sha":[]}}')],
  [
    'lfs.duplicate',
    'datasets/alice/d',
    () => send('POST', `${repo}/lfs-files/duplicate`, '{"target":{"type":"dataset","name":"alice/d"},"files":[]}'),
  ],
  ['discussion', 'alice/x', () => send('POST', `${repo}/discussions`, '{"title":"why"}')],
  ['discussion', 'alice/x', () => send('POST', `${repo}/discussions/1/comment`, '{"comment":"so"}')],
  ['access-request', 'alice/x', () => send('POST', `${repo}/user-access-request/grant`, '{"user":"bob"}')],
  [
    'repo.move',
    'alice/copy',
    () => send('POST', '/api/repos/move', '{"fromRepo":"alice/copy","toRepo":"alice/moved"}'),
  ],
  ['repo.delete', 'alice/x', () => send('DELETE', '/api/repos/delete', '{"name":"alice/x"}')],
  ['user.create', 'carl', () => control('POST', 'users', { user: 'carl' })],
  ['token.create', 'carl', () => control('POST', 'tokens', { user: 'carl', name: 'ci', days: 3 })],
  ['org.create', 'acme', () => control('POST', 'orgs', { org: 'acme' })],
  ['org.add', 'acme', () => control('POST', 'orgs/acme/members', { user: 'carl', role: 'write' })],
  ['org.remove-member', 'acme', () => control('DELETE', 'orgs/acme/members/carl')],
  ['org.remove', 'acme', () => control('DELETE', 'orgs/acme')],
  ['user.remove', 'carl', () => control('DELETE', 'users/carl')],
])('%s of %s', async (action, what, work) => {
  const lines = await linesOf(async () => expect((await work()).status).toBe(200))
  const isControl = /^(user|token|org)/.test(action)
  expect(lines).toMatchObject([{ action, what, who: isControl ? 'root' : 'alice', from: '127.0.0.1' }])
  if (isControl) expect(lines[0]?.token).toBe('desk')
  expect(Math.abs(Date.now() - (lines[0]?.atMs ?? 0))).toBeLessThan(60_000)
})

test('a revoked token is named, not shown; a commit names its id and branch', async () => {
  await hub.create('y')
  const committed = await linesOf(() => hub.commit('alice/y', [file('a', 'b')]))
  expect(committed[0]?.details).toEqual({ ref: 'main', commit: expect.stringMatching(/^[0-9a-f]{40}$/) })
  const { token, info } = hub.parts.accounts.createToken('bob', { scope: 'read', name: 'gone' })
  const lines = await linesOf(() => control('DELETE', `tokens/${token}`))
  expect(lines).toMatchObject([{ action: 'token.revoke', what: 'bob', details: { id: info.id, name: 'gone' } }])
})

test('what was refused, and what only asks, leaves none', async () => {
  const lines = await linesOf(async () => {
    expect((await hub.create('y')).status).toBe(409)
    expect((await hub.commit('alice/y', [file('a', 'b')], { token: hub.bob })).status).toBe(403)
    expect((await control('POST', 'users', { user: 'alice' })).status).toBe(409)
    await hub.ask('/api/models/alice/y')
    await hub.post('/api/models/alice/y/paths-info/main', { paths: [] })
    await hub.upload('alice/y', 'w.bin', Buffer.alloc(20_000, 1))
  })
  expect(lines).toEqual([])
})

test('failed logins are lines, at most one a minute for an address, with how many there were', () => {
  const clock = new ManualClock()
  const accounts = Accounts.open(':memory:', clock)
  for (let i = 0; i < 100; i++) accounts.audit.loginFailed('10.0.0.1')
  accounts.audit.loginFailed('10.0.0.2')
  clock.advance(61)
  accounts.audit.loginFailed('10.0.0.1')
  const lines = accounts.audit.list({ count: 10 }).map(({ action, from, details }) => [action, from, details.count])
  expect(lines).toEqual([
    ['login.failure', '10.0.0.1', 1],
    ['login.failure', '10.0.0.2', 1],
    ['login.failure', '10.0.0.1', 100],
  ])
  accounts.close()
})

test('a wrong token at any route is a failed login', async () => {
  const lines = await linesOf(() => hub.ask('/api/whoami-v2', { token: `hf_${'x'.repeat(40)}` }))
  expect(lines).toMatchObject([{ action: 'login.failure', who: '-', from: '127.0.0.1', details: { count: 1 } }])
})

test('no line holds a secret, none forges another', () => {
  const { audit } = hub.parts.accounts
  const secret = `hf_${'s'.repeat(40)}`
  audit.append(
    { who: `eve\n${secret}`, token: secret, from: '::1' },
    { action: 'x', what: secret, details: { secret } },
  )
  const text = JSON.stringify(audit.list({ count: 10_000 }))
  for (const one of [secret, hub.alice, hub.bob, admin]) expect(text).not.toContain(one)
  expect(text).toContain('eve?hf_***')
})

test('lines neither change nor go', () => {
  const db = new DatabaseSync(join(hub.home, 'accounts.db'))
  for (const sql of ['DELETE FROM audit', "UPDATE audit SET who = 'nobody'"]) {
    expect(() => db.exec(sql)).toThrow('the audit log only grows')
  }
  db.close()
})

test('is read page by page, from a moment on, by who runs the server', async () => {
  const all = (await control('GET', 'audit')).json
  const first = (await control('GET', 'audit?limit=3')).json
  const next = (await control('GET', `audit?limit=3&after=${first[2].seq}`)).json
  expect([...first, ...next]).toEqual(all.slice(0, 6))
  const since = all[4].atMs
  expect((await control('GET', `audit?since=${since}`)).json.every(({ atMs }: { atMs: number }) => atMs >= since)).toBe(
    true,
  )
  for (const bad of ['since=x', 'after=-1', 'limit=0']) expect((await control('GET', `audit?${bad}`)).status).toBe(400)
})
