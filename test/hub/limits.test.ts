/** Quotas and rates: refused in words, at the right moment, and never for long. Metrics and the description beside. */
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

let hub: HubServer
afterEach(() => hub.remove())

describe('quotas', () => {
  test('of repositories: 403 in words, until one goes', async () => {
    hub = await HubServer.start({ limits: { quotas: { reposMax: 2 } } })
    for (const name of ['a', 'b']) expect((await hub.create(name)).status).toBe(200)
    const refused = await hub.create('c')
    expect([refused.status, refused.json.code]).toEqual([403, 'QUOTA_REPOS_EXCEEDED'])
    expect(refused.headers['x-error-message']).toContain('alice holds 2 repositories, which is its quota')
    // One that exists is no new one.
    expect((await hub.create('a')).status).toBe(409)
    await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body: '{"name":"alice/a"}' })
    expect((await hub.create('c')).status).toBe(200)
  })

  test('of bytes: 413 before bytes are sent and at the commit; deleting frees, a failed commit takes nothing', async () => {
    hub = await HubServer.start({ limits: { quotas: { bytesMax: 100_000 } } })
    const { quotas } = hub.parts.accounts
    await hub.create('a')
    await hub.create('b')
    const content = randomBytes(60_000)
    const line = await hub.upload('alice/a', 'w.bin', content)
    expect((await hub.commit('alice/a', [line])).status).toBe(200)
    expect(quotas.bytesOf('alice')).toBe(60_000)
    // The same bytes again are no new ones there.
    expect((await hub.commit('alice/a', [line, file('s.txt', 'x'.repeat(10))])).status).toBe(200)
    expect(quotas.bytesOf('alice')).toBe(60_010)

    const batch = { operation: 'upload', objects: [{ oid: 'a'.repeat(64), size: 50_000 }] }
    const early = await hub.post('/alice/b.git/info/lfs/objects/batch', batch)
    expect([early.status, early.json.code]).toEqual([413, 'QUOTA_BYTES_EXCEEDED'])
    const late = await hub.commit('alice/b', [file('big.txt', 'x'.repeat(50_000))])
    expect([late.status, late.json.code]).toEqual([413, 'QUOTA_BYTES_EXCEEDED'])
    expect(late.headers['x-error-message']).toContain('alice holds 60010 of its 100000 bytes, this would add 50000')
    const stale = await hub.commit('alice/b', [file('t.txt', 'x')], { header: { parentCommit: '0'.repeat(40) } })
    expect([stale.status, quotas.bytesOf('alice')]).toEqual([412, 60_010])

    const remove = { key: 'deletedFile', value: { path: 's.txt' } }
    expect((await hub.commit('alice/a', [remove])).status).toBe(200)
    await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body: '{"name":"alice/a"}' })
    expect(quotas.bytesOf('alice')).toBe(0)
    expect((await hub.commit('alice/b', [file('big.txt', 'x'.repeat(50_000))])).status).toBe(200)
  })

  test('a full namespace is told at preupload, and commits that add nothing pass', async () => {
    hub = await HubServer.start({ limits: { quotas: { bytesMax: 10 } } })
    await hub.create('a')
    expect((await hub.commit('alice/a', [file('a', 'x'.repeat(10))])).status).toBe(200)
    const ask = (size: number) =>
      hub.post('/api/models/alice/a/preupload/main', { files: [{ path: 'b', size, sample: '' }] })
    expect([(await ask(1)).status, (await ask(0)).status]).toEqual([413, 200])
    expect((await hub.commit('alice/a', [{ key: 'deletedFile', value: { path: 'a' } }])).status).toBe(200)
  })

  test('copies and moves count where they go', async () => {
    hub = await HubServer.start({ limits: { quotas: { bytesMax: 100_000, reposMax: 3 } } })
    const { accounts } = hub.parts
    accounts.createOrg('acme')
    accounts.setMember('acme', 'alice', 'admin')
    const create = (name: string) => hub.post('/api/repos/create', { name, organization: 'acme' })
    for (const name of ['a', 'b']) expect((await create(name)).status).toBe(200)
    await hub.create('large')
    await hub.commit('alice/large', [await hub.upload('alice/large', 'w.bin', randomBytes(60_000))])
    const move = (toRepo: string) => hub.post('/api/repos/move', { fromRepo: 'alice/large', toRepo })
    const copy = (repository: string) => hub.post('/api/models/alice/large/duplicate', { repository })
    expect((await copy('acme/copy')).status).toBe(200)
    expect(accounts.quotas.bytesOf('acme')).toBe(60_000)
    expect((await move('acme/large')).json.code).toBe('QUOTA_REPOS_EXCEEDED')
    await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body: '{"name":"acme/a"}' })
    expect((await move('acme/large')).json.code).toBe('QUOTA_BYTES_EXCEEDED')
    expect((await copy('acme/again')).json.code).toBe('QUOTA_BYTES_EXCEEDED')
    await hub.ask('/api/repos/delete', { method: 'DELETE', token: hub.alice, body: '{"name":"acme/copy"}' })
    expect((await move('acme/large')).status).toBe(200)
    expect([accounts.quotas.bytesOf('acme'), accounts.quotas.bytesOf('alice')]).toEqual([60_000, 0])
  })

  test('commits at the same time do not pass the limit together', async () => {
    hub = await HubServer.start({ limits: { quotas: { bytesMax: 3_500 } } })
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const name of names) await hub.create(name)
    const commits = names.map((name) => hub.commit(`alice/${name}`, [file('x', 'x'.repeat(1_000))]))
    const statuses = (await Promise.all(commits)).map(({ status }) => status).sort()
    expect(statuses).toEqual([200, 200, 200, 413, 413, 413])
  })
})

describe('rates', () => {
  test('are told in the Hub’s headers, and beyond them 429 until the window ends', async () => {
    hub = await HubServer.start({ limits: { rates: { api: 3, resolvers: 2 } } })
    const ask = (token?: string) => hub.ask('/api/models', token === undefined ? {} : { token })
    const first = await ask(hub.alice)
    expect(first.headers.ratelimit).toMatch(/^"api";r=2;t=(300|299)$/)
    expect(first.headers['ratelimit-policy']).toBe('"fixed window";"api";q=3;w=300')
    for (let i = 0; i < 2; i++) expect((await ask(hub.alice)).status).toBe(200)
    const refused = await ask(hub.alice)
    expect([refused.status, refused.json.code]).toEqual([429, 'RATE_LIMITED'])
    expect(refused.headers.ratelimit).toMatch(/^"api";r=0;t=\d+$/)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(200)
    // Others, other buckets, and what is not counted.
    expect((await ask(hub.bob)).status).toBe(200)
    expect((await hub.ask('/alice/x/resolve/main/a', { token: hub.alice })).status).toBe(404)
    const health = await hub.ask('/health')
    expect([health.status, health.headers.ratelimit]).toEqual([200, undefined])
  })

  test('of whoever shows no token of ours are counted by address, however many tokens it makes up', async () => {
    hub = await HubServer.start({ limits: { rates: { api: 3 } } })
    const made = () => hub.ask('/api/models', { token: `hf_${randomBytes(20).toString('hex')}` })
    for (let i = 0; i < 3; i++) expect((await made()).status).toBe(401)
    expect((await made()).status).toBe(429)
    expect((await hub.ask('/api/models')).status).toBe(429)
    expect((await hub.ask('/api/models', { token: hub.alice })).status).toBe(200)
  })
})

describe('metrics', () => {
  test('of one user’s server are for its machine, then for scope metrics; they count requests, time and bytes', async () => {
    hub = await HubServer.start()
    const { accounts } = hub.parts
    await hub.create('a')
    await hub.commit('alice/a', [file('big.txt', 'x'.repeat(40_000))])
    await hub.ask('/alice/a/resolve/main/big.txt')
    const { token } = accounts.createToken('bob', { scope: 'metrics', name: 'm' })
    const { text, headers } = await hub.ask('/metrics', { token })
    expect(headers['content-type']).toContain('version=0.0.4')
    const value = (line: RegExp) => Number(line.exec(text)?.[1] ?? Number.NaN)
    expect(text).toContain('xorbit_http_requests_total{method="POST",route="/api/repos/create",status="200"} 1\n')
    expect(value(/received_bytes_total\{route="\/api\/models\/:ns\/:name\/commit\/\*"\} (\d+)/)).toBeGreaterThan(50_000)
    expect(value(/sent_bytes_total\{route="\/:ns\/:name\/resolve\/\*"\} (\d+)/)).toBeGreaterThan(40_000)
    expect(value(/request_seconds_count\{method="GET",route="\/:ns\/:name\/resolve\/\*"\} (\d+)/)).toBe(1)
    expect(value(/^process_resident_memory_bytes (\d+)/m)).toBeGreaterThan(1e7)
    expect(value(/^nodejs_eventloop_lag_p99_seconds ([\d.e-]+)/m)).toBeGreaterThanOrEqual(0)
    expect(value(/^xorbit_uploads_open (\d+)/m)).toBe(0)
    expect(value(/^xorbit_http_requests_open (\d+)/m)).toBe(1)
    expect(text).not.toMatch(/alice|127\.0\.0\.1/)

    expect((await hub.ask('/metrics')).json.code).toBe('TOKEN_MISSING')
    accounts.removeUser('bob')
    expect((await hub.ask('/metrics')).status).toBe(200)
  })
})

describe('the description', () => {
  test('names every body by the schema that checks it, and the page needs nothing from elsewhere', async () => {
    hub = await HubServer.start()
    const { json } = await hub.ask('/openapi.json')
    const schema = json.paths['/api/repos/create'].post.requestBody.content['application/json'].schema
    expect(schema).toMatchObject({
      type: 'object',
      required: ['name'],
      properties: { type: { anyOf: expect.any(Array) } },
    })
    expect(json.paths['/api/models/{ns}/{name}/commit/{rest}'].post.requestBody.content).toHaveProperty(
      'application/x-ndjson',
    )
    const ids = Object.values(json.paths).flatMap((methods) =>
      Object.values(methods as Record<string, { operationId: string }>).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
    const page = await hub.ask('/docs')
    expect(page.headers['content-security-policy']).toContain("default-src 'none'")
    expect(page.text).not.toMatch(/<script|src=|https?:\/\//)
    for (const path of Object.keys(json.paths)) expect(page.text).toContain(path)
  })
})
