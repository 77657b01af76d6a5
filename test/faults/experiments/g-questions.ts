/** Groups G and J: questions with wild parameters, forged headers, foreign pages, and the methods that do not fit. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connectTo } from '../../farm/crowd.ts'
import type { Experiments } from '../experiment.ts'
import { assertRefused, JSON_TYPE, type Lab } from '../lab.ts'

export const QUESTION_EXPERIMENTS: Experiments = {
  G10: boundsPages,
  G22: ignoresForwarded,
  G23: hidesPrivate,
  J2: refusesForeignPages,
  J3: knowsItsMethods,
}

const BAD_LIMITS = ['-1', 'NaN', '0', '1.5', '1e3', 'Infinity', '0x10', '', '%201', '9'.repeat(40), '1&limit=2', '%00']
const FORGED_CURSORS = ['x', '-1', '1-2-3', 'NaN', "' OR 1=1 --", '../../x', '%00', `${'9'.repeat(30)}-1`, 'e30=', '[]']

/** G10: a page is at most as long as ours, whatever is asked; a cursor that we did not make is refused. */
async function boundsPages(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, Object.fromEntries(Array.from({ length: 1_010 }, (_, i) => [`f/${i}.txt`, 'x'])))
  const listings = [
    { path: '/api/models', max: 1_000, cursors: true },
    { path: `/api/models/${repo}/tree/main/f`, max: 1_000, cursors: true },
    { path: `/api/models/${repo}/commits/main`, max: 100, cursors: false },
    { path: `/api/models/${repo}/lfs-files`, max: 100, cursors: false },
    { path: '/-/v1/audit', max: 1_000, cursors: false },
  ]
  for (const { path, max, cursors } of listings) {
    const token = path.startsWith('/-/') ? lab.hub.adminToken : lab.alice
    const ask = (query: string) => lab.send(`${path}?${query}`, { token })
    for (const limit of ['1000000000', '999999999999999']) {
      const reply = await ask(`limit=${limit}`)
      const { length } = reply.json() as unknown as unknown[]
      assert.ok(reply.status === 200 && length <= max, `${path}?limit=${limit}: ${reply.status}, ${length} entries`)
      if (path.includes('/tree/')) assert.equal(length, max)
    }
    for (const limit of BAD_LIMITS) assertRefused(await ask(`limit=${limit}`), 400)
    for (const cursor of cursors ? FORGED_CURSORS : []) {
      assertRefused(await ask(`cursor=${encodeURIComponent(cursor)}`), 400, 'CURSOR_INVALID')
    }
    for (const page of path.endsWith('/commits/main') ? ['-1', 'NaN', '1e9', '9'.repeat(20)] : []) {
      assertRefused(await ask(`p=${page}`), 400)
    }
  }
}

const FORWARDED = {
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '4443',
  'x-forwarded-prefix': '/evil',
  'x-forwarded-for': '203.0.113.9',
  'x-real-ip': '203.0.113.9',
  forwarded: 'for=203.0.113.9;host=evil.example;proto=https',
  'x-original-url': '/-/v1/users',
  'x-http-method-override': 'DELETE',
}

/** G22: no address, no method, no place in the audit log comes from a header that anybody may send. */
async function ignoresForwarded(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, { 'a.txt': 'a', 'b.txt': 'b' })
  const oid = 'c'.repeat(64)
  const batch = { operation: 'upload', transfers: ['basic'], objects: [{ oid, size: 1 }], hash_algo: 'sha256' }
  const asked = [
    { path: `/api/models/${repo}/xet-read-token/main` },
    { path: `/api/models/${repo}/tree/main?limit=1` },
    { path: '/api/models?limit=1' },
    { path: '/' },
    { path: `/${repo}.git/info/lfs/objects/batch`, method: 'POST', body: batch },
  ]
  for (const { path, method = 'GET', body } of asked) {
    const options = { token: lab.alice, method, ...(body === undefined ? {} : { body }) }
    const plain = await lab.send(path, options)
    const forged = await lab.send(path, { ...options, headers: FORWARDED })
    assert.equal(plain.status, 200, `${path}: ${plain.status}`)
    assert.equal(forged.status, 200, `${path} with forged headers: ${forged.status}`)
    const text = `${forged.body}${JSON.stringify(forged.headers)}`
    assert.doesNotMatch(text, /evil|https:|4443|203\.0\.113/, `${path}: ${text}`)
  }
  const body = { organization: 'alice', name: `f${lab.next()}`, type: 'model' }
  const headers = { ...JSON_TYPE, ...FORWARDED }
  assertRefused(await lab.send('/api/repos/create', { method: 'POST', token: lab.alice, headers, body }), 200)
  const audit = await lab.send('/-/v1/audit?limit=1000', { token: lab.hub.adminToken })
  assert.match(audit.body.toString(), new RegExp(body.name), 'the write left no line')
  assert.doesNotMatch(audit.body.toString(), /203\.0\.113/, 'the audit log believes X-Forwarded-For')
}

/** G23: whoever may not read a repository learns nothing: the answer is that of a name nobody ever used. */
async function hidesPrivate(lab: Lab): Promise<void> {
  const secret = await lab.freshRepo({ private: true })
  await lab.commitText(secret, { 'a.txt': 'secret' })
  const missing = `alice/n${lab.next()}`
  const of = (repo: string) => [
    { path: `/api/models/${repo}` },
    { path: `/api/models/${repo}/revision/main` },
    { path: `/api/models/${repo}/tree/main` },
    { path: `/api/models/${repo}/refs` },
    { path: `/api/models/${repo}/commits/main` },
    { path: `/api/models/${repo}/discussions` },
    { path: `/api/models/${repo}/auth-check` },
    { path: `/${repo}/resolve/main/a.txt` },
    { path: `/${repo}/resolve/main/a.txt`, method: 'HEAD' },
    { path: `/${repo}/raw/main/a.txt` },
    { path: `/api/models/${repo}/paths-info/main`, method: 'POST', body: { paths: ['a.txt'] } },
    { path: `/${repo}.git/info/lfs/objects/batch`, method: 'POST', body: { operation: 'download', objects: [] } },
    { path: `/api/models/${repo}/commit/main`, method: 'POST', body: { key: 'header' } },
  ]
  const known = of(secret)
  for (const token of [null, lab.bob]) {
    for (const [i, other] of of(missing).entries()) {
      const { path, method = 'GET', body } = known[i] as (typeof known)[number]
      const ask = (to: string) => lab.send(to, { token, method, headers: JSON_TYPE, ...(body ? { body } : {}) })
      const [hidden, absent] = [await ask(path), await ask(other.path)]
      const name = `${method} ${path} for ${token === null ? 'nobody' : 'bob'}`
      assert.equal(hidden.status, absent.status, name)
      assert.ok([401, 404].includes(hidden.status), `${name}: ${hidden.status}`)
      const plain = (text: string) => text.replaceAll(secret, 'R').replaceAll(missing, 'R')
      const without = { ...hidden.headers, ...CHANGING }
      assert.deepEqual(
        JSON.parse(plain(JSON.stringify(without))),
        JSON.parse(plain(JSON.stringify({ ...absent.headers, ...CHANGING }))),
        name,
      )
      assert.equal(withoutId(plain(hidden.body.toString())), withoutId(plain(absent.body.toString())), name)
    }
  }
  const listed = await lab.send('/api/models?limit=1000', { token: lab.bob })
  assert.ok(!listed.body.toString().includes(secret), 'a private repository is listed')
}

const CHANGING = { date: '', 'x-request-id': '', ratelimit: '', 'content-length': '' }

function withoutId(text: string): string {
  return text.replace(/"request_id":"[^"]*"/, '')
}

/** J2: what a page of another origin can make a browser send is refused before it does anything. */
async function refusesForeignPages(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const [, name = ''] = repo.split('/')
  const gone = JSON.stringify({ organization: 'alice', name, type: 'model' })
  const { host } = new URL(lab.hub.url)
  const form = 'application/x-www-form-urlencoded'
  const attempts = [
    { target: 'DELETE /api/repos/delete', type: 'text/plain', body: gone },
    { target: 'POST /api/repos/create', type: 'text/plain', body: gone.replace(name, `x${name}`) },
    { target: 'POST /api/repos/create', type: form, body: `organization=alice&name=x${name}` },
    { target: 'POST /api/repos/create', type: 'multipart/form-data; boundary=b', body: '--b--' },
    { target: 'POST /-/v1/care/gc', type: 'text/plain', body: '{"now":true}' },
    { target: 'POST /-/v1/users', type: 'text/plain', body: `{"user":"x${name}","scope":"admin"}` },
    { target: 'GET /api/whoami-v2', accept: 'text/event-stream' },
    { target: `GET /${repo}/resolve/main/.gitattributes` },
    { target: 'OPTIONS /api/repos/create', extra: ['Access-Control-Request-Method: POST'] },
    {
      target: 'GET /-/v1/users',
      extra: ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'],
    },
  ]
  await lab.leavesNothing(async () => {
    for (const origin of ['https://evil.example', 'http://127.0.0.1:1', 'null', `http://${host}.evil.example`]) {
      for (const { target, type, accept, body = '', extra = [] } of attempts) {
        const lines = [
          `${target} HTTP/1.1`,
          ...[`Host: ${host}`, `Origin: ${origin}`, `Authorization: Bearer ${lab.hub.adminToken}`],
          ...['Sec-Fetch-Site: cross-site', ...(extra.length === 0 ? ['Connection: close'] : extra)],
          ...(type === undefined ? [] : [`Content-Type: ${type}`, `Content-Length: ${body.length}`]),
          ...(accept === undefined ? [] : [`Accept: ${accept}`]),
        ]
        const text = await firstAnswer(lab, `${lines.join('\r\n')}\r\n\r\n${body}`)
        assert.match(text, /^HTTP\/1\.1 403 /, `${target} from ${origin}: ${text.slice(0, 80)}`)
        assert.doesNotMatch(text, /access-control-allow-(origin|credentials)/i, target)
      }
    }
  })
  assertRefused(await lab.send(`/api/models/${repo}`, { token: lab.alice }), 200)
  assertRefused(await lab.send(`/api/models/alice/x${name}`, { token: lab.alice }), 404)
}

async function firstAnswer(lab: Lab, request: string): Promise<string> {
  const socket = await connectTo(lab.hub.url)
  socket.write(request)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString('latin1')
}

/** J3: what changes something answers to the method that is meant for it and to no other. */
async function knowsItsMethods(lab: Lab): Promise<string> {
  const described = (await lab.send('/openapi.json')).json() as { paths: Record<string, Record<string, unknown>> }
  const stand = (path: string) => path.replace(/\{(ns|org|user|name)\}/g, 'alice').replace(/\{\w+\}/g, '1')
  let tried = 0
  const repos = await lab.send('/api/models?limit=1000', { token: lab.alice })
  await lab.leavesNothing(async () => {
    for (const [path, methods] of Object.entries(described.paths)) {
      const changing = Object.keys(methods).filter((method) => ['post', 'put', 'delete', 'patch'].includes(method))
      if (changing.length === 0 || 'get' in methods) continue
      const reply = await lab.send(stand(path), { token: lab.hub.adminToken })
      // The address may also be one of a file, a tree or a page of another route.
      if (reply.status !== 405 && overlaps(described.paths, stand(path))) continue
      assert.equal(reply.status, 405, `GET ${path}: ${reply.status} ${reply.body}`)
      assert.ok(changing.every((method) => `${reply.headers.allow}`.includes(method.toUpperCase())))
      tried++
    }
  })
  assert.ok(tried > 20, `only ${tried} routes were tried`)
  const after = await lab.send('/api/models?limit=1000', { token: lab.alice })
  assert.equal(after.body.toString(), repos.body.toString())
  return `${tried} routes`
}

function overlaps(paths: Readonly<Record<string, Record<string, unknown>>>, address: string): boolean {
  return Object.entries(paths).some(([path, methods]) => {
    const pattern = path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '.+')
    return 'get' in methods && new RegExp(`^${pattern}$`).test(address)
  })
}
