/** Gated repositories: everyone sees what is there, who was let in reads it, by whatever way. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

const content = randomBytes(30_000)
let hub: HubServer
let oid: string

beforeAll(async () => {
  hub = await HubServer.start()
  for (const name of ['auto', 'manual', 'open']) {
    await hub.create(name)
    const line = await hub.upload(`alice/${name}`, 'w.bin', content)
    oid = (line as { value: { oid: string } }).value.oid
    await hub.commit(`alice/${name}`, [file('a.txt', 'inside'), line])
  }
  await gate('auto', 'auto')
  await gate('manual', 'manual')
  // Otherwise the same bytes would be open to all by the repository that is not gated.
  await hub.ask('/api/repos/delete', {
    method: 'DELETE',
    token: hub.alice,
    body: '{"name":"open","organization":"alice"}',
  })
})
afterAll(() => hub.remove())

function gate(name: string, gated: unknown, token = hub.alice) {
  const body = JSON.stringify({ gated })
  return hub.ask(`/api/models/alice/${name}/settings`, { method: 'PUT', token, body })
}

const CONTENT = [
  ['GET', '/alice/manual/resolve/main/a.txt'],
  ['HEAD', '/alice/manual/resolve/main/w.bin'],
  ['GET', '/alice/manual/raw/main/a.txt'],
  ['GET', '/api/models/alice/manual/xet-read-token/main'],
  ['GET', '/api/models/alice/manual/auth-check'],
  ['GET', '/api/models/alice/manual/compare/main..main'],
  ['GET', '/api/models/alice/manual/lfs-files'],
  ['GET', '/api/models/alice/manual/safetensors-metadata/model.safetensors.index.json'],
  ['POST', '/api/models/alice/manual/lfs-files/duplicate'],
  ['POST', '/api/models/alice/manual/duplicate'],
  ['POST', '/api/models/alice/manual/discussions'],
  ['POST', '/api/models/alice/manual/commit/main?create_pr=1'],
] as const

describe('whoever was not let in', () => {
  test.each(CONTENT)('%s %s is refused as gated', async (method, path) => {
    const body = JSON.stringify({
      title: 'abc',
      repository: 'bob/copy',
      target: { type: 'model', name: 'bob/x' },
      files: [],
    })
    const sent = { method, ...(method === 'POST' ? { body } : {}) }
    const [other, anonymous] = await Promise.all([hub.ask(path, { ...sent, token: hub.bob }), hub.ask(path, sent)])
    expect([other.status, other.headers['x-error-code']]).toEqual([403, 'GatedRepo'])
    expect(anonymous.status).toBe(401)
    if (method !== 'POST') expect(anonymous.headers['x-error-code']).toBe('GatedRepo')
  })

  test('sees information and listings, without the hashes that lead to bytes', async () => {
    expect((await hub.ask('/api/models/alice/manual')).json).toMatchObject({ gated: 'manual', private: false })
    expect((await hub.ask('/api/models/alice/auto')).json.gated).toBe('auto')
    const find = async (token?: string) => {
      const { json } = await hub.ask('/api/models/alice/manual/tree/main', token === undefined ? {} : { token })
      return json.find(({ path }: { path: string }) => path === 'w.bin')
    }
    expect((await find()).xetHash).toBe('*'.repeat(64))
    expect((await find(hub.alice)).xetHash).toMatch(/^[0-9a-f]{64}$/)
  })

  test('gets nothing by LFS, nor by naming the SHA-256 in a commit', async () => {
    const batch = { operation: 'download', objects: [{ oid, size: content.length }] }
    const { status, json } = await hub.post('/alice/manual.git/info/lfs/objects/batch', batch, hub.bob)
    expect([status, json.code]).toEqual([403, 'REPO_GATED'])
    expect((await hub.ask(`/alice/manual.git/info/lfs/objects/${oid}`, { token: hub.bob })).status).toBe(403)
    hub.parts.accounts.createUser('thief')
    const thief = hub.parts.accounts.createToken('thief', { scope: 'write' }).token
    await hub.post('/api/repos/create', { name: 'loot' }, thief)
    const line = { key: 'lfsFile', value: { path: 'w.bin', algo: 'sha256', oid, size: content.length } }
    const taken = await hub.commit('thief/loot', [line], { token: thief })
    expect([taken.status, taken.json.code]).toEqual([422, 'LFS_OBJECT_MISSING'])
  })
})

describe('asking', () => {
  const ask = (name: string, token = hub.bob) => hub.ask(`/alice/${name}/ask-access`, { method: 'POST', token })
  const read = async (name: string) => (await hub.ask(`/alice/${name}/resolve/main/w.bin`, { token: hub.bob })).status
  const list = async (status: string) =>
    (await hub.ask(`/api/models/alice/manual/user-access-request/${status}`, { token: hub.alice })).json
  const handle = (body: object) => hub.post('/api/models/alice/manual/user-access-request/handle', body)

  test('is enough where the gate is automatic', async () => {
    expect(await read('auto')).toBe(403)
    expect((await hub.ask('/alice/auto/ask-access', { method: 'POST' })).status).toBe(401)
    expect((await ask('auto')).json).toEqual({ status: 'accepted' })
    expect(await read('auto')).toBe(200)
  })

  test('waits for a writer where it is manual, who accepts, rejects and takes back', async () => {
    expect((await ask('manual')).json).toEqual({ status: 'pending' })
    expect(await read('manual')).toBe(403)
    const [request] = await list('pending')
    expect(request).toMatchObject({ user: { user: 'bob' }, status: 'pending' })
    expect((await handle({ requestId: request.requestId, status: 'accepted' })).status).toBe(200)
    expect(await read('manual')).toBe(200)
    expect((await handle({ user: 'bob', status: 'accepted' })).json.code).toBe('ACCESS_REQUEST_STATUS')
    expect((await handle({ user: 'bob', status: 'rejected', rejectionReason: 'no' })).status).toBe(200)
    expect(await list('rejected')).toMatchObject([{ rejectionReason: 'no' }])
    // Asking again does not help.
    expect((await ask('manual')).json).toEqual({ status: 'rejected' })
    expect(await read('manual')).toBe(403)
    const grant = (body: object) => hub.post('/api/models/alice/manual/user-access-request/grant', body)
    expect((await grant({ user: 'bob' })).status).toBe(200)
    expect((await grant({ user: 'bob' })).json.code).toBe('ACCESS_GRANTED_ALREADY')
    expect((await grant({ user: 'nobody' })).json.code).toBe('USER_UNKNOWN')
    expect(await read('manual')).toBe(200)
    expect(await list('accepted')).toHaveLength(1)
    expect((await handle({ user: 'alice', status: 'accepted' })).json.code).toBe('ACCESS_REQUEST_UNKNOWN')
  })

  test('is decided by writers alone, and only where there is a gate', async () => {
    const lists = '/api/models/alice/manual/user-access-request/pending'
    expect((await hub.ask(lists, { token: hub.bob })).status).toBe(403)
    expect((await hub.ask(lists)).status).toBe(401)
    await gate('auto', false)
    const none = await hub.ask('/api/models/alice/auto/user-access-request/pending', { token: hub.alice })
    expect([none.status, none.json.code]).toEqual([400, 'REPO_NOT_GATED'])
    expect((await hub.ask('/alice/auto/resolve/main/a.txt')).text).toBe('inside')
    expect((await gate('auto', 'manual', hub.bob)).status).toBe(403)
  })
})

test('auth-check tells readers from writers, and nobody from nothing', async () => {
  const check = async (path: string, token?: string) =>
    (await hub.ask(`/api/models/${path}`, token === undefined ? {} : { token })).status
  expect(await check('alice/auto/auth-check')).toBe(200)
  expect(await check('alice/auto/auth-check/write', hub.alice)).toBe(200)
  expect(await check('alice/auto/auth-check/write', hub.bob)).toBe(403)
  expect(await check('alice/none/auth-check', hub.bob)).toBe(404)
  expect(await check('alice/none/auth-check')).toBe(401)
})
