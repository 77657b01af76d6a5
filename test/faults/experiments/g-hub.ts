/** Group G: the Hub and the CAS under wrong tokens, wrong URLs, stale parents and bodies that never fit. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Experiments } from '../experiment.ts'
import { forgeXorb, seededChunks } from '../forge.ts'
import { assertRefused, fileLine, JSON_TYPE, type Lab } from '../lab.ts'
import { boundsCommits } from './g-commits.ts'
import { survivesKills } from './g-kills.ts'

export const HUB_EXPERIMENTS: Experiments = {
  G4: leavesNoTraceOfCuts,
  G7: refusesTokens,
  G8: keepsScopes,
  G9: bindsSignedUrls,
  async G11(lab) {
    const repo = await lab.freshRepo()
    await lab.commitText(repo, { 'a.txt': 'one' })
    const first = await headOf(lab, repo)
    await lab.commitText(repo, { 'a.txt': 'two' })
    for (const parentCommit of [first, '0'.repeat(40)]) {
      await lab.leavesNothing(async () => {
        const lines = [
          { key: 'header', value: { summary: 's', description: '', parentCommit } },
          fileLine('b.txt', 'lost?'),
        ]
        const body = lines.map((line) => JSON.stringify(line)).join('\n')
        assertRefused(await lab.commit(repo, [], { body }), 412)
      })
    }
  },
  G13: boundsCommits,
  G14: refusesForeignObjects,
  G19: survivesKills,
}

async function headOf(lab: Lab, repo: string): Promise<string> {
  const reply = await lab.send(`/api/models/${repo}`, { token: lab.alice })
  return (reply.json() as { sha: string }).sha
}

/** G4: the connection ends at 20 places of a xorb; nothing stays, and the whole upload then works. */
async function leavesNoTraceOfCuts(lab: Lab): Promise<void> {
  const cas = await lab.cas()
  const { hash, body } = forgeXorb(seededChunks(lab.next(), new Array(20).fill(60_000)))
  const { hostname, port, host } = new URL(lab.hub.url)
  const head = `POST ${cas.path}/v1/xorbs/default/${hash} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${cas.token}\r\nContent-Length: ${body.length}\r\n\r\n`
  await lab.leavesNothing(async () => {
    for (let i = 0; i < 20; i++) {
      const socket = connect({ host: hostname, port: Number(port) })
      await once(socket, 'connect')
      // The server may be the first to close; that is no concern of the one who cuts.
      socket.on('error', () => socket.destroy()).resume()
      const sent = Math.floor((i * (body.length - 1)) / 19)
      await new Promise((resolve) => socket.write(head, resolve))
      await new Promise((resolve) => socket.write(body.subarray(0, sent), resolve))
      if (i % 2 === 0) socket.resetAndDestroy()
      else socket.end()
      if (!socket.closed) await Promise.race([once(socket, 'close'), once(socket, 'end')])
      socket.destroy()
    }
  })
  const reply = await lab.putXorb(cas, hash, body)
  assert.equal(reply.status, 200, `${reply.body}`)
}

function jwt(header: object, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const message = `${part(header)}.${part(claims)}`
  const signature = createHmac('sha256', 'guess').update(message).digest('base64url')
  return (header as { alg: string }).alg === 'none' ? `${message}.` : `${message}.${signature}`
}

/** G7: none, forged, `alg: none`, expired, and each kind of token where the other belongs. */
async function refusesTokens(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const cas = await lab.cas(repo)
  const claims = { sub: 'alice', account: 'alice', scope: 'write', exp: 4_000_000_000 }
  const flipped = (token: string, at: number) =>
    token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
  const forged = [
    'x',
    'hf_'.padEnd(40, 'a'),
    jwt({ alg: 'none' }, claims),
    jwt({ alg: 'HS256' }, claims),
    flipped(cas.token, 10),
    flipped(cas.token, cas.token.length - 1),
    flipped(cas.token, Math.floor(cas.token.length / 2)),
    cas.token.slice(0, -4),
  ]
  const casRequests = [
    { method: 'POST', path: `${cas.path}/v1/shards` },
    { method: 'POST', path: `${cas.path}/v1/xorbs/default/${'a'.repeat(64)}` },
    { method: 'GET', path: `${cas.path}/v1/reconstructions/${'a'.repeat(64)}` },
    { method: 'GET', path: `${cas.path}/v1/chunks/default/${'a'.repeat(64)}` },
  ]
  await lab.leavesNothing(async () => {
    for (const token of [null, ...forged, lab.alice]) {
      for (const { method, path } of casRequests) {
        const reply = await lab.send(path, { method, token, ...(method === 'POST' ? { body: 'x' } : {}) })
        assert.equal(reply.status, 401, `${method} ${path} with ${token?.slice(0, 12)}: ${reply.status}`)
      }
    }
    for (const token of [...forged, cas.token]) {
      const who = await lab.send('/api/whoami-v2', { token })
      assert.equal(who.status, 401, `whoami with ${token.slice(0, 12)}: ${who.status}`)
      const commit = await lab.commit(repo, [fileLine('x.txt', 'x')], { token })
      assert.equal(commit.status, 401, `commit with ${token.slice(0, 12)}: ${commit.status}`)
    }
    const anonymous = await lab.commit(repo, [fileLine('x.txt', 'x')], { token: null })
    assert.equal(anonymous.status, 401)
  })
}

/** G8: a read token writes nothing, another's private repository looks missing, a revoked token ends at once. */
async function keepsScopes(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const secret = await lab.freshRepo({ private: true })
  const file = await lab.publish(secret, 'secret.bin', seededChunks(lab.next(), [20_000]))
  await lab.leavesNothing(async () => {
    assertRefused(await lab.commit(repo, [fileLine('x.txt', 'x')], { token: lab.bob }), 403)
    assertRefused(await lab.send(`/api/models/${repo}/xet-write-token/main`, { token: lab.bob }), 403)
    const body = { name: 'mine', organization: 'alice', type: 'model' }
    assertRefused(
      await lab.send('/api/repos/create', { method: 'POST', token: lab.bob, headers: JSON_TYPE, body }),
      403,
    )
  })
  for (const path of [
    `/api/models/${secret}`,
    `/api/models/${secret}/tree/main`,
    `/${secret}/resolve/main/secret.bin`,
    `/api/models/${secret}/xet-read-token/main`,
  ]) {
    const hidden = await lab.send(path, { token: lab.bob })
    const missing = await lab.send(path.replace(secret, 'alice/nowhere'), { token: lab.bob })
    assert.equal(hidden.status, 404, `${path}: ${hidden.status}`)
    assert.equal(hidden.headers['x-error-code'], missing.headers['x-error-code'])
    assert.equal(missing.status, hidden.status)
    assertRefused(await lab.send(path), 401)
  }
  // Knowing the hash gives nothing: bob's own CAS token, alice's file.
  const bobs = await lab.cas(repo, lab.bob, 'read')
  assertRefused(await lab.send(`${bobs.path}/v1/reconstructions/${file.fileHash}`, { token: bobs.token }), 404)
  assertRefused(
    await lab.send(`${bobs.path}/v1/xorbs/default/${file.xorb.hash}`, {
      method: 'POST',
      token: bobs.token,
      body: file.xorb.body,
    }),
    403,
  )
  assertRefused(await lab.send(`${file.cas.path}/v1/reconstructions/${file.fileHash}`, { token: bobs.token }), 401)
  const token = await lab.hub.createUser(`carol${lab.next()}`, 'write')
  assertRefused(await lab.send('/api/whoami-v2', { token }), 200)
  await revoke(lab, token)
  assertRefused(await lab.send('/api/whoami-v2', { token }), 401)
}

async function revoke(lab: Lab, token: string): Promise<void> {
  const { name } = (await lab.send('/api/whoami-v2', { token })).json() as { name: string }
  const env = { HF_TOKEN: lab.hub.adminToken }
  const list = await lab.run(['token', 'ls', '--user', name, '--home', lab.hub.home, '--json'], { env })
  const row = list.stdout.split('\n').find((line) => line.includes(name))
  assert.ok(row, `token ls: ${list.stdout}${list.stderr}`)
  const { id } = JSON.parse(row) as { id: string | number }
  const gone = await lab.run(['token', 'revoke', String(id), '--home', lab.hub.home, '--json'], { env })
  assert.equal(gone.code, 0, gone.stdout + gone.stderr)
}

/** G9: a signed address is for its xorb, its bytes, its time and reading. */
async function bindsSignedUrls(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const file = await lab.publish(repo, 'a.bin', seededChunks(lab.next(), [10_000, 20_000, 30_000]))
  const other = await lab.publish(repo, 'b.bin', seededChunks(lab.next(), [10_000]))
  const plan = await lab.send(`${file.cas.path}/v2/reconstructions/${file.fileHash}`, {
    token: file.cas.token,
    headers: { range: 'bytes=0-5' },
  })
  const entry = (plan.json() as { xorbs: Record<string, { url: string }[]> }).xorbs[file.xorb.hash]?.[0]
  assert.ok(entry, `${plan.body}`)
  const url = new URL(entry.url)
  const ask = (path: string, range: string, method = 'GET') =>
    lab.send(path, { method, headers: { range: `bytes=${range}` } })
  const path = url.pathname + url.search
  assertRefused(await ask(path, '0-10007'), 206)
  assertRefused(await ask(path, '0-100'), 206)
  assertRefused(await ask(path, '0-10008'), 403)
  assertRefused(await ask(path, '10008-20000'), 403)
  assertRefused(await lab.send(path), [206, 403])
  assertRefused(await ask(path.replace(file.xorb.hash, other.xorb.hash), '0-100'), 403)
  for (const [name, value] of url.searchParams) {
    const changed = new URL(url)
    const last = value.at(-1) === '1' ? '2' : '1'
    changed.searchParams.set(name, value.slice(0, -1) + last)
    assertRefused(await ask(changed.pathname + changed.search, '0-100'), 403)
    changed.searchParams.delete(name)
    assertRefused(await ask(changed.pathname + changed.search, '0-100'), 403)
  }
  for (const method of ['PUT', 'DELETE', 'PATCH', 'POST']) {
    const reply = await lab.send(path, { method, body: 'x' })
    assertRefused(reply, [401, 403, 404, 405])
  }
}

/** G14: a commit may name only objects that were verified for someone who may write here. */
async function refusesForeignObjects(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const lfs = (oid: string, size: number) => [{ key: 'lfsFile', value: { path: 'x.bin', algo: 'sha256', oid, size } }]
  await lab.leavesNothing(async () => {
    const reply = await lab.commit(repo, lfs('f'.repeat(64), 10))
    assertRefused(reply, 422)
    assert.match(reply.body.toString(), /f{64}/, 'the missing object is not named')
  })
  const dave = await lab.hub.createUser(`dave${lab.next()}`, 'write')
  const { name } = (await lab.send('/api/whoami-v2', { token: dave })).json() as { name: string }
  const body = { name: 'own', organization: name, type: 'model' }
  assertRefused(await lab.send('/api/repos/create', { method: 'POST', token: dave, headers: JSON_TYPE, body }), 200)
  const secret = await lab.freshRepo({ private: true })
  const file = await lab.publish(secret, 'secret.bin', seededChunks(lab.next(), [20_000]))
  await lab.leavesNothing(async () => {
    const reply = await lab.commit(`${name}/own`, lfs(file.sha256, file.content.length), { token: dave })
    assertRefused(reply, 422)
  })
  // The same object for an account that has it: fine.
  assertRefused(await lab.commit(repo, lfs(file.sha256, file.content.length)), 200)
}
