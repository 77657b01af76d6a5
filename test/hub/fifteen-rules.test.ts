/** The fifteen rules whose breach breaks a real client, one test each, over a real listener. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { file, HubServer } from './hub-server.ts'

const config = Buffer.from('{"a":1}')
const weights = randomBytes(300_000)
const sha1 = createHash('sha1').update(`blob ${config.length}\0`).update(config).digest('hex')
const sha256 = createHash('sha256').update(weights).digest('hex')
let hub: HubServer

beforeAll(async () => {
  hub = await HubServer.start()
  await hub.create('tiny')
  const lfs = await hub.upload('alice/tiny', 'w.safetensors', weights)
  const { status } = await hub.commit('alice/tiny', [
    file('config.json', config),
    file('empty.txt', ''),
    file('d/x.md', 'x'),
    lfs,
  ])
  expect(status).toBe(200)
})
afterAll(() => hub.remove())

describe('what clients insist on', () => {
  test('rule 1: every success and every missing entry of resolve names the commit, every success an ETag', async () => {
    for (const method of ['HEAD', 'GET']) {
      const small = await hub.ask('/alice/tiny/resolve/main/config.json', { method })
      expect(small.status).toBe(200)
      expect(small.headers).toMatchObject({ etag: `"${sha1}"`, 'content-length': '7' })
      expect(small.headers['x-repo-commit']).toMatch(/^[0-9a-f]{40}$/)
      const large = await hub.ask('/alice/tiny/resolve/main/w.safetensors', { method })
      expect(large.headers).toMatchObject({
        etag: `"${sha256}"`,
        'x-linked-etag': `"${sha256}"`,
        'x-linked-size': '300000',
        'content-length': '300000',
        'x-repo-commit': small.headers['x-repo-commit'],
      })
      const none = await hub.ask('/alice/tiny/resolve/main/none', { method })
      expect([none.status, none.headers['x-error-code']]).toEqual([404, 'EntryNotFound'])
      expect(none.headers['x-repo-commit']).toBe(small.headers['x-repo-commit'])
    }
  })

  test('rule 2: errors carry a code, a message and JSON', async () => {
    const cases: [string, string | undefined, number, string][] = [
      ['/alice/none/resolve/main/x', undefined, 401, 'RepoNotFound'],
      ['/alice/none/resolve/main/x', hub.alice, 404, 'RepoNotFound'],
      ['/api/models/alice/none', hub.alice, 404, 'RepoNotFound'],
      ['/api/models/alice/tiny/revision/nope', undefined, 404, 'RevisionNotFound'],
      ['/api/models/alice/tiny/tree/nope', undefined, 404, 'RevisionNotFound'],
      ['/api/models/alice/tiny/tree/main/none', undefined, 404, 'EntryNotFound'],
    ]
    for (const [path, token, status, code] of cases) {
      const answer = await hub.ask(path, token === undefined ? {} : { token })
      expect([path, answer.status, answer.headers['x-error-code']]).toEqual([path, status, code])
      expect(answer.headers['x-error-message']).toBeTruthy()
      expect(answer.headers['content-type']).toMatch(/^application\/json/)
      expect(answer.json.error).toBe(answer.headers['x-error-message'])
    }
    const bad = await hub.ask('/api/whoami-v2', { token: 'hf_wrong' })
    expect([bad.status, bad.json.error]).toEqual([401, 'Invalid credentials in Authorization header'])
    expect(bad.headers['x-error-code']).toBeUndefined()
  })

  test('rule 3: resolve never redirects, it streams', async () => {
    const answer = await hub.ask('/alice/tiny/resolve/main/w.safetensors')
    expect([answer.status, answer.headers.location]).toEqual([200, undefined])
    expect(answer.body.equals(weights)).toBe(true)
  })

  test('rule 4: Xet tokens come in headers and in the body', async () => {
    for (const [kind, revision, token] of [
      ['read', 'main', undefined],
      ['write', 'main', hub.alice],
      ['read', 'None', undefined],
    ] as const) {
      const answer = await hub.ask(`/api/models/alice/tiny/xet-${kind}-token/${revision}`, token ? { token } : {})
      expect(answer.headers).toMatchObject({
        'x-xet-cas-url': answer.json.casUrl,
        'x-xet-access-token': answer.json.accessToken,
        'x-xet-token-expiration': String(answer.json.exp),
      })
      expect(answer.json.casUrl.startsWith(`${hub.origin}/cas/`)).toBe(true)
      expect(answer.json.exp - Date.now() / 1000).toBeGreaterThan(900)
    }
  })

  test('rule 5: X-Xet-Hash stands with both links, and both work', async () => {
    const head = await hub.ask('/alice/tiny/resolve/main/w.safetensors', { method: 'HEAD' })
    const hash = head.headers['x-xet-hash']
    const [, auth = '', reconstruction = ''] =
      /^<([^>]+)>; rel="xet-auth", <([^>]+)>; rel="xet-reconstruction-info"$/.exec(head.headers.link as string) ?? []
    const { json } = await hub.ask(auth)
    const headers = { authorization: `Bearer ${json.accessToken}` }
    expect(reconstruction).toBe(`${json.casUrl}/v1/reconstructions/${hash}`)
    expect((await hub.ask(reconstruction, { headers })).json.terms.length).toBeGreaterThan(0)
    const small = await hub.ask('/alice/tiny/resolve/main/config.json', { method: 'HEAD' })
    expect([small.headers['x-xet-hash'], small.headers.link]).toEqual([undefined, undefined])
  })
})

describe('what clients insist on, of addresses', () => {
  test('rule 6: the CAS serves v2, a range past the end is 416, grants and telemetry answer', async () => {
    const { json } = await hub.ask('/api/models/alice/tiny/xet-write-token/main', { token: hub.alice })
    const { headers } = await hub.ask('/alice/tiny/resolve/main/w.safetensors', { method: 'HEAD' })
    const authorization = `Bearer ${json.accessToken}`
    const url = `${json.casUrl}/v2/reconstructions/${headers['x-xet-hash']}`
    expect((await hub.ask(url, { headers: { authorization } })).json.xorbs).toBeTypeOf('object')
    expect((await hub.ask(url, { headers: { authorization, range: 'bytes=300000-400000' } })).status).toBe(416)
    const grant = `${json.casUrl}/v1/xorb-grants/default/${'0'.repeat(64)}`
    const granted = await hub.ask(grant, { method: 'POST', headers: { authorization }, body: '{"length":1}' })
    expect(granted.status).toBe(404)
    expect((await hub.ask('/v1/telemetry', { method: 'POST', body: '{}' })).status).toBe(204)
  })

  test('rule 7: every absolute URL has the host that the client used', async () => {
    const headers = { host: `localhost:${hub.port}` }
    const origin = `http://localhost:${hub.port}`
    const json = { ...headers, 'content-type': 'application/json', authorization: `Bearer ${hub.alice}` }
    const head = await hub.ask('/alice/tiny/resolve/main/w.safetensors', { method: 'HEAD', headers })
    for (const [, url] of (head.headers.link as string).matchAll(/<([^>]+)>/g))
      expect(url?.startsWith(origin)).toBe(true)
    const token = await hub.ask('/api/models/alice/tiny/xet-read-token/main', { headers })
    expect(token.json.casUrl.startsWith(origin)).toBe(true)
    const body = JSON.stringify({ name: 'hosted', organization: 'alice' })
    expect((await hub.ask('/api/repos/create', { method: 'POST', headers: json, body })).json.url).toBe(
      `${origin}/alice/hosted`,
    )
    const lines = '{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"a","content":""}}'
    const commit = await hub.ask('/api/models/alice/hosted/commit/main', { method: 'POST', headers: json, body: lines })
    expect(commit.json.commitUrl).toBe(`${origin}/alice/hosted/commit/${commit.json.commitOid}`)
    const batch = JSON.stringify({ operation: 'upload', objects: [{ oid: 'a'.repeat(64), size: 1 }] })
    const lfs = await hub.ask('/alice/hosted.git/info/lfs/objects/batch', {
      method: 'POST',
      headers: json,
      body: batch,
    })
    expect(lfs.json.objects[0].actions.upload.href.startsWith(origin)).toBe(true)
    const page = await hub.ask('/api/models/alice/tiny/tree/main?limit=1', { headers })
    expect((page.headers.link as string).startsWith(`<${origin}/`)).toBe(true)
  })

  test('rule 8: pages link absolutely, with a space, and together hold everything once', async () => {
    const paths: string[] = []
    let url: string | undefined = `${hub.origin}/api/models/alice/tiny/tree/main?recursive=True&limit=2`
    while (url !== undefined) {
      const page: Awaited<ReturnType<typeof hub.ask>> = await hub.ask(url)
      paths.push(...page.json.map((entry: { path: string }) => entry.path))
      const link = page.headers.link as string | undefined
      if (link !== undefined) expect(link).toMatch(/^<http:\/\/[^>]+>; rel="next"$/)
      url = link === undefined ? undefined : /<([^>]+)>/.exec(link)?.[1]
    }
    expect(paths).toEqual(['.gitattributes', 'config.json', 'd', 'd/x.md', 'empty.txt', 'w.safetensors'])
  })

  test('rule 9: creating what exists is 409 with its url', async () => {
    const answer = await hub.create('tiny')
    expect(answer.status).toBe(409)
    expect(answer.json).toMatchObject({ url: `${hub.origin}/alice/tiny`, name: 'alice/tiny' })
    expect(answer.json.code).toBe('REPO_EXISTS')
  })

  test('rule 10: ids are always namespace/name', async () => {
    const created = await hub.post('/api/repos/create', { name: 'alone' })
    expect(created.json.name).toBe('alice/alone')
    const info = await hub.ask('/api/models/alice/tiny')
    expect([info.json.id, info.json.modelId]).toEqual(['alice/tiny', 'alice/tiny'])
    const list = await hub.ask('/api/models')
    expect(list.json.every(({ id }: { id: string }) => /^alice\/\w+$/.test(id))).toBe(true)
  })
})

describe('what clients insist on, when they write and probe', () => {
  test('rule 11: preupload says shouldIgnore for every file', async () => {
    const sample = (content: Buffer) => content.subarray(0, 512).toString('base64')
    const files = [
      { path: 'config.json', size: 7, sample: sample(config) },
      { path: 'w.safetensors', size: weights.length, sample: sample(weights) },
      { path: 'x.bin', size: 0, sample: '' },
      { path: 'notes.txt', size: 20_000_000, sample: sample(Buffer.from('text')) },
      { path: 'odd', size: 100, sample: sample(Buffer.from([1, 0, 2])) },
      { path: 'a.log', size: 3, sample: sample(Buffer.from('log')) },
    ]
    const answer = await hub.post('/api/models/alice/tiny/preupload/main', { files, gitIgnore: '*.log\n' })
    expect(answer.json.files).toEqual([
      { path: 'config.json', uploadMode: 'regular', shouldIgnore: false, oid: sha1 },
      { path: 'w.safetensors', uploadMode: 'lfs', shouldIgnore: false, oid: sha256 },
      { path: 'x.bin', uploadMode: 'regular', shouldIgnore: false },
      { path: 'notes.txt', uploadMode: 'lfs', shouldIgnore: false },
      { path: 'odd', uploadMode: 'lfs', shouldIgnore: false },
      { path: 'a.log', uploadMode: 'regular', shouldIgnore: true },
    ])
    expect(answer.json.commitOid).toMatch(/^[0-9a-f]{40}$/)
  })

  test('rule 12: a probe of an empty file is 200 with its length, of another a real 206', async () => {
    const headers = { range: 'bytes=0-0' }
    const empty = await hub.ask('/alice/tiny/resolve/main/empty.txt', { headers })
    expect([empty.status, empty.text, empty.headers['content-range']]).toEqual([200, '', 'bytes */0'])
    const some = await hub.ask('/alice/tiny/resolve/main/config.json', { headers })
    expect([some.status, some.text, some.headers['content-range']]).toEqual([206, '{', 'bytes 0-0/7'])
    const large = await hub.ask('/alice/tiny/resolve/main/w.safetensors', { headers: { range: 'bytes=-1000' } })
    expect([large.status, large.body.equals(weights.subarray(-1000))]).toEqual([206, true])
    const past = await hub.ask('/alice/tiny/resolve/main/config.json', { headers: { range: 'bytes=7-' } })
    expect([past.status, past.headers['content-range'], past.json.code]).toEqual([
      416,
      'bytes */7',
      'RANGE_NOT_SATISFIABLE',
    ])
  })

  test('rule 13: a stale parent is 412 and writes nothing, an existing branch or tag is 409', async () => {
    const before = (await hub.ask('/api/models/alice/tiny')).json.sha
    const stale = await hub.commit('alice/tiny', [file('n', 'n')], { header: { parentCommit: '0'.repeat(40) } })
    expect([stale.status, stale.json.code]).toEqual([412, 'PARENT_STALE'])
    expect((await hub.ask('/api/models/alice/tiny')).json.sha).toBe(before)
    for (const [path, body] of [
      ['branch/feat%2Fx', {}],
      ['tag/main', { tag: 'v1', message: 'one' }],
    ] as const) {
      expect((await hub.post(`/api/models/alice/tiny/${path}`, body)).status).toBe(200)
      const again = await hub.post(`/api/models/alice/tiny/${path}`, body)
      expect([again.status, again.json.code]).toEqual([409, 'REF_EXISTS'])
    }
  })

  test('rule 14: LFS addresses carry their own signature', async () => {
    const content = randomBytes(5000)
    const oid = createHash('sha256').update(content).digest('hex')
    const batch = { operation: 'upload', transfers: ['basic', 'multipart'], objects: [{ oid, size: 5000 }] }
    const { json } = await hub.post('/alice/tiny.git/info/lfs/objects/batch', batch)
    const { upload, verify } = json.objects[0].actions
    expect((await hub.ask(upload.href, { method: 'PUT', body: content })).status).toBe(200)
    const body = JSON.stringify({ oid, size: 5000 })
    expect((await hub.ask(verify.href, { method: 'POST', body })).status).toBe(200)
    const plain = verify.href.replace(/\?.*/, '')
    expect((await hub.ask(plain, { method: 'POST', body, token: hub.alice })).status).toBe(200)
    expect((await hub.ask(plain, { method: 'POST', body })).status).toBe(401)
    const again = await hub.post('/alice/tiny.git/info/lfs/objects/batch', batch)
    expect(again.json.objects[0].actions).toBeUndefined()
  })

  test('rule 15: a body without a type, in chunks, after a pause, is read as it comes', async () => {
    const socket = connect(hub.port, '127.0.0.1')
    await once(socket, 'connect')
    const lines = [
      '{"key":"header","value":{"summary":"chunked"}}\n',
      '{"key":"file","value":{"path":"c","content":"c"}}',
    ]
    const head = [
      'POST /api/models/alice/tiny/commit/main HTTP/1.1',
      `host: 127.0.0.1:${hub.port}`,
      'connection: close',
    ]
    socket.write([...head, `authorization: Bearer ${hub.alice}`, 'transfer-encoding: chunked', '', ''].join('\r\n'))
    for (const line of lines) {
      await new Promise((resolve) => setImmediate(resolve))
      socket.write(`${line.length.toString(16)}\r\n${line}\r\n`)
    }
    socket.write('0\r\n\r\n')
    let answer = ''
    for await (const part of socket) answer += part
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect((await hub.ask('/alice/tiny/resolve/main/c')).text).toBe('c')
  })
})
