/** Who may do what, and that nobody learns what they may not see. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

const content = randomBytes(30_000)
let hub: HubServer
let lfsOid: string

beforeAll(async () => {
  hub = await HubServer.start()
  await hub.create('open')
  await hub.create('closed', { private: true })
  await hub.post('/api/repos/create', { name: 'ds', type: 'dataset', visibility: 'private' })
  const line = await hub.upload('alice/closed', 'w.bin', content)
  lfsOid = (line as { value: { oid: string } }).value.oid
  for (const id of ['alice/open', 'alice/closed']) {
    expect((await hub.commit(id, [file('a.txt', 'secret'), line])).status).toBe(200)
  }
})
afterAll(() => hub.remove())

const READS = [
  ['GET', '/api/models/ID'],
  ['GET', '/api/models/ID/revision/main'],
  ['GET', '/api/models/ID/tree/main'],
  ['GET', '/api/models/ID/refs'],
  ['GET', '/api/models/ID/commits/main'],
  ['GET', '/api/models/ID/xet-read-token/main'],
  ['GET', '/api/models/ID/xet-write-token/main'],
  ['POST', '/api/models/ID/paths-info/main'],
  ['POST', '/api/models/ID/preupload/main'],
  ['POST', '/api/models/ID/commit/main'],
  ['POST', '/api/models/ID/branch/x'],
  ['GET', '/ID/resolve/main/a.txt'],
  ['HEAD', '/ID/resolve/main/a.txt'],
  ['GET', '/ID/raw/main/a.txt'],
  ['POST', '/ID.git/info/lfs/objects/batch'],
] as const

describe('a private repository', () => {
  test.each(READS)('%s %s: to others it is as if it were missing', async (method, route) => {
    for (const token of [undefined, hub.bob]) {
      const [closed, none] = await Promise.all(
        ['alice/closed', 'alice/nothing'].map((id) => {
          const options = { method, body: method === 'POST' ? '{}' : '', ...(token === undefined ? {} : { token }) }
          return hub.ask(route.replace('ID', id), options)
        }),
      )
      expect(closed?.status).toBe(token === undefined ? 401 : 404)
      expect(closed?.headers['x-error-code']).toBe('RepoNotFound')
      const shown = (answer: typeof closed) => {
        const { 'x-request-id': _, date: __, ratelimit: ___, ...headers } = answer?.headers ?? {}
        return [answer?.status, headers, answer?.text.replace(/"request_id":"[^"]*"/, '')]
      }
      expect(shown(closed)).toEqual(shown(none))
    }
  })

  test('is its owner’s to read, and is in nobody else’s lists', async () => {
    expect((await hub.ask('/alice/closed/resolve/main/a.txt', { token: hub.alice })).text).toBe('secret')
    const basic = `Basic ${Buffer.from(`anyone:${hub.alice}`).toString('base64')}`
    const large = await hub.ask('/alice/closed/resolve/main/w.bin', { headers: { authorization: basic } })
    expect(large.body.equals(content)).toBe(true)
    const ids = async (path: string, token?: string) => {
      const { json } = await hub.ask(path, token === undefined ? {} : { token })
      return json.map(({ id }: { id: string }) => id)
    }
    expect(await ids('/api/models')).toEqual(['alice/open'])
    expect(await ids('/api/models', hub.bob)).toEqual(['alice/open'])
    expect(await ids('/api/models?limit=1', hub.alice)).toEqual(['alice/closed'])
    expect(await ids('/api/datasets', hub.alice)).toEqual(['alice/ds'])
    expect(await ids('/api/datasets', hub.bob)).toEqual([])
  })

  test('its files are out of reach by their hash, in CAS and LFS', async () => {
    await hub.create('sealed', { private: true })
    const line = await hub.upload('alice/sealed', 'x.bin', randomBytes(20_000))
    await hub.commit('alice/sealed', [line])
    const { json } = await hub.ask('/api/models/alice/sealed/tree/main', { token: hub.alice })
    const { xetHash, lfs } = json.find(({ path }: { path: string }) => path === 'x.bin')
    for (const token of [undefined, hub.bob]) {
      const grant = await hub.ask('/api/models/alice/open/xet-read-token/main', token === undefined ? {} : { token })
      const headers = { authorization: `Bearer ${grant.json.accessToken}` }
      expect((await hub.ask(`${grant.json.casUrl}/v2/reconstructions/${xetHash}`, { headers })).status).toBe(404)
    }
    const batch = { operation: 'download', objects: [{ oid: lfs.oid, size: 20_000 }] }
    const asked = await hub.post('/alice/open.git/info/lfs/objects/batch', batch, hub.bob)
    expect(asked.json.objects[0].error.code).toBe(404)
    expect((await hub.ask(`/alice/open.git/info/lfs/objects/${lfs.oid}`)).json.code).toBe('LFS_OBJECT_UNKNOWN')
  })

  test('an LFS download address works without credentials, for that object alone', async () => {
    const batch = { operation: 'download', objects: [{ oid: lfsOid, size: content.length }] }
    const { json } = await hub.post('/alice/closed.git/info/lfs/objects/batch', batch)
    const { href } = json.objects[0].actions.download
    expect((await hub.ask(href)).body.equals(content)).toBe(true)
    expect((await hub.ask(href.replace(/\?.*/, ''))).status).toBe(401)
    expect((await hub.ask(href.replace(/s=.{6}/, 's=AAAAAA'))).status).toBe(401)
  })
})

describe('tokens and rights', () => {
  test('a read token writes nothing, in words', async () => {
    const readable = hub.parts.accounts.createToken('alice', { scope: 'read', name: 'reader' }).token
    const lines = '{"key":"header","value":{"summary":"x","description":""}}'
    for (const [path, body] of [
      ['/api/models/alice/open/commit/main', lines],
      ['/api/models/alice/open/preupload/main', '{"files":[]}'],
      ['/api/repos/create', '{"name":"more"}'],
      [
        '/alice/open.git/info/lfs/objects/batch',
        '{"operation":"upload","objects":[],"ref":{"name":"refs/heads/main"}}',
      ],
    ] as const) {
      const answer = await hub.ask(path, { method: 'POST', token: readable, body })
      expect([path, answer.status, answer.json.code]).toEqual([path, 403, 'SCOPE_MISSING'])
      expect(answer.headers['x-error-message']).toContain('scope read')
    }
    expect((await hub.ask('/api/models/alice/open/xet-write-token/main', { token: readable })).status).toBe(403)
    expect((await hub.ask('/alice/closed/resolve/main/a.txt', { token: readable })).status).toBe(200)
  })

  test('a token without read gives the CAS nothing that no token would not', async () => {
    const { token } = hub.parts.accounts.createToken('alice', { scope: 'inference', name: 'infer' })
    expect((await hub.ask('/alice/closed/resolve/main/a.txt', { token })).status).toBe(404)
    const { json } = await hub.ask('/api/models/alice/open/xet-read-token/main', { token })
    expect(json.casUrl.endsWith('/-')).toBe(true)
    const head = await hub.ask('/alice/open/resolve/main/w.bin', { method: 'HEAD', token })
    expect(head.headers.link).toContain('/-/v1/reconstructions/')
  })

  test('who is not signed in is asked to be, who is may not write to others', async () => {
    const carol = hub.parts.accounts.createUser('carol')
    const { token } = hub.parts.accounts.createToken(carol.name, { scope: 'write' })
    const options = { method: 'POST', body: '{"key":"header","value":{"summary":"x"}}' }
    expect((await hub.ask('/api/models/alice/open/commit/main', options)).json.code).toBe('SIGN_IN_FIRST')
    const denied = await hub.ask('/api/models/alice/open/commit/main', { ...options, token })
    expect([denied.status, denied.json.code]).toEqual([403, 'RIGHTS_MISSING'])
    const named = await hub.post('/api/repos/create', { name: 'x', organization: 'alice' }, token)
    expect([named.status, named.json.code]).toEqual([403, 'RIGHTS_MISSING'])
  })

  test('no, forged and revoked tokens are 401 at once', async () => {
    const { token } = hub.parts.accounts.createToken('alice', { scope: 'read', name: 'short' })
    const who = (headers: Record<string, string>) => hub.ask('/api/whoami-v2', { headers })
    expect((await who({ authorization: `Bearer ${token}` })).json).toMatchObject({
      name: 'alice',
      type: 'user',
      auth: { accessToken: { displayName: 'short', role: 'read' } },
    })
    hub.parts.accounts.revokeToken({ token })
    for (const authorization of [
      `Bearer ${token}`,
      'Bearer hf_x',
      'Bearer',
      'Basic !',
      'Digest x',
      `Bearer ${token} x`,
    ]) {
      const answer = await who({ authorization })
      expect([answer.status, answer.json.code]).toEqual([401, 'CREDENTIALS_BAD'])
    }
    expect((await who({})).status).toBe(401)
    expect((await hub.ask('/alice/open/resolve/main/a.txt', { token })).status).toBe(401)
  })
})

describe('addresses', () => {
  test.each([
    ['/api/models/a--b/c', 'REPO_ID_INVALID'],
    ['/api/models/alice/x%2Fy', 'REPO_ID_INVALID'],
    ['/api/models/alice/open/tree/a..b', 'REVISION_INVALID'],
    ['/api/models/alice/open/tree/--upload-pack=x', 'REVISION_INVALID'],
    ['/api/models/alice/open/tree/', 'REVISION_MISSING'],
    ['/api/models/alice/open/tree/main?limit=-1', 'LIMIT_INVALID'],
    ['/api/models/alice/open/tree/main?limit=NaN', 'LIMIT_INVALID'],
    ['/api/models/alice/open/tree/main?cursor=forged', 'CURSOR_INVALID'],
    ['/api/models?cursor=-1', 'CURSOR_INVALID'],
  ])('%s is 400', async (path, code) => {
    const answer = await hub.ask(path)
    expect([answer.status, answer.json.code]).toEqual([400, code])
  })

  test('paths that climb are no entries', async () => {
    for (const path of ['..%2f..%2fetc%2fpasswd', '%252e%252e/x', '..;/x', '%2e%2e%2fa.txt']) {
      expect((await hub.ask(`/alice/open/resolve/main/${path}`)).headers['x-error-code']).toBe('EntryNotFound')
    }
  })

  test('conditional requests, cards and both forms of paths-info', async () => {
    const readme = '---\nlicense: mit\npipeline_tag: text-generation\n---\n# x\n'
    await hub.commit('alice/open', [file('README.md', readme)])
    const head = await hub.ask('/alice/open/resolve/main/README.md', { method: 'HEAD' })
    const { etag } = head.headers as { etag: string }
    for (const known of [etag, `W/${etag}, "x"`, '*']) {
      const answer = await hub.ask('/alice/open/resolve/main/README.md', { headers: { 'if-none-match': known } })
      expect([answer.status, answer.text]).toEqual([304, ''])
    }
    const info = await hub.ask('/api/models/alice/open?blobs=true')
    expect(info.json).toMatchObject({
      pipeline_tag: 'text-generation',
      cardData: { license: 'mit' },
      tags: ['text-generation', 'license:mit'],
    })
    expect(info.json.siblings.map(({ rfilename }: { rfilename: string }) => rfilename)).toEqual([
      '.gitattributes',
      'README.md',
      'a.txt',
      'w.bin',
    ])
    expect(info.json.siblings[3]).toMatchObject({ size: content.length, lfs: { sha256: lfsOid } })
    const few = await hub.ask('/api/models/alice/open/revision/HEAD?expand=sha&expand[]=gated&expand=xetEnabled')
    expect(Object.keys(few.json).sort()).toEqual(['_id', 'gated', 'id', 'sha'])
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const path = '/api/models/alice/open/paths-info/main'
    const asForm = await hub.ask(path, { method: 'POST', headers: form, body: 'paths=w.bin&paths=none&expand=true' })
    const asJson = await hub.post(path, { paths: ['w.bin', 'none'], expand: true })
    expect(asForm.json).toEqual(asJson.json)
    expect(asForm.json).toMatchObject([{ type: 'file', path: 'w.bin', lastCommit: { title: 'change' } }])
  })
})
