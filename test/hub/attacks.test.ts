/**
 * The attacker: knows every name that the victim's private file has (SHA-256, file hash, xorb hash, chunk hashes, a signed
 * URL of another range, the CAS address) and holds tokens of its own. Gets nothing, and no more than for what is missing.
 */
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Packed, pack, SmallClient } from '../cas/small-client.ts'
import { type Answer, file, HubServer } from './hub-server.ts'

let hub: HubServer
let victim: { secret: Buffer; sha256: string; packed: Packed; url: string; cas: SmallClient }
/** Tokens that may not read alice/vault, and a repository each may write to. */
const attackers: { name: string; token: string; own: string }[] = []
const NOBODY = 'f'.repeat(64)

beforeAll(async () => {
  hub = await HubServer.start()
  const { accounts } = hub.parts
  await hub.create('vault', { private: true })
  await hub.create('side', { private: true })
  const mallory = accounts.createUser('mallory')
  const token = accounts.createToken(mallory.name, { scope: 'write' }).token
  await hub.post('/api/repos/create', { name: 'own', organization: 'mallory' }, token)
  const side = accounts.repos.find({ type: 'model', namespace: 'alice', name: 'side' })?.id as string
  const limited = accounts.createToken('alice', { scope: 'write', name: 'side only', repos: [side] }).token
  accounts.createOrg('acme')
  const robot = accounts.createToken('acme', { scope: 'write' }).token
  await hub.post('/api/repos/create', { name: 'own', organization: 'acme' }, robot)
  attackers.push({ name: 'another user', token, own: 'mallory/own' })
  attackers.push({ name: 'a token of the same user for another repository', token: limited, own: 'alice/side' })
  attackers.push({ name: 'a robot', token: robot, own: 'acme/own' })

  const secret = randomBytes(400_000)
  const packed = await pack([secret])
  const cas = await casOf('alice/vault', hub.alice)
  await cas.upload(packed)
  const sha256 = createHash('sha256').update(secret).digest('hex')
  const line = { key: 'lfsFile', value: { path: 'w.bin', algo: 'sha256', oid: sha256, size: secret.length } }
  expect((await hub.commit('alice/vault', [line])).status).toBe(200)
  const plan = (await (await cas.reconstruct(hashOf(packed), '0-999')).json()) as {
    xorbs: Record<string, [{ url: string }]>
  }
  victim = { secret, sha256, packed, cas, url: plan.xorbs[packed.xorbs[0]?.hash as string]?.[0].url as string }
})
afterAll(() => hub.remove())

const hashOf = ({ files }: Packed) => files[0]?.hash as string
const xorbOf = ({ xorbs }: Packed) => xorbs[0]?.hash as string

async function casOf(repo: string, token: string, scope = 'write'): Promise<SmallClient> {
  const { json } = await hub.ask(`/api/models/${repo}/xet-${scope}-token/main`, { token })
  return new SmallClient(json.casUrl, json.accessToken)
}

/** Each attacker with its CAS. */
async function forEach(attack: (cas: SmallClient, attacker: (typeof attackers)[number]) => Promise<void>) {
  for (const attacker of attackers) await attack(await casOf(attacker.own, attacker.token), attacker)
}

/** Status, headers and body, without what differs in every answer; `names` are replaced by one word. */
async function shown(response: Response, ...names: string[]) {
  const volatile = /^(date|x-request-id|ratelimit)$/
  const headers = [...response.headers].filter(([name]) => !volatile.test(name))
  const text = JSON.stringify([response.status, headers, await response.text()])
  return names.reduce((all, name) => all.replaceAll(name, 'NAME'), text)
}

describe('who knows a name gets nothing', () => {
  test.each(['/v1/reconstructions/FILE', '/v2/reconstructions/FILE', '/x/chunk-lists/FILE'])(
    'a file hash: GET %s',
    async (path) => {
      await forEach(async (cas) => {
        const real = await cas.send('GET', path.replace('FILE', hashOf(victim.packed)))
        const missing = await cas.send('GET', path.replace('FILE', NOBODY))
        expect(real.status).toBe(404)
        expect(await shown(real, hashOf(victim.packed))).toBe(await shown(missing, NOBODY))
      })
      expect((await victim.cas.send('GET', path.replace('FILE', hashOf(victim.packed)))).status).toBe(200)
    },
  )

  test('a xorb hash: HEAD, grant and unsigned GET', async () => {
    const xorb = xorbOf(victim.packed)
    await forEach(async (cas) => {
      for (const [method, path] of [
        ['HEAD', '/v1/xorbs/default/'],
        ['POST', '/v1/xorb-grants/default/'],
        ['GET', '/v1/xorbs/default/'],
      ] as const) {
        const [real, missing] = [await cas.send(method, path + xorb), await cas.send(method, path + NOBODY)]
        expect([method, real.status]).toEqual([method, method === 'GET' ? 403 : 404])
        expect(await shown(real, xorb)).toBe(await shown(missing, NOBODY))
      }
    })
    expect((await victim.cas.send('HEAD', `/v1/xorbs/default/${xorb}`)).status).toBe(200)
  })

  test('chunk hashes: no dedup answer', async () => {
    const { chunks } = victim.packed.xorbs[0] as Packed['xorbs'][number]
    await forEach(async (cas) => {
      for (const prefix of ['default', 'default-merkledb']) {
        for (let i = 0; i < chunks.count; i++) {
          const real = await cas.send('GET', `/v1/chunks/${prefix}/${chunks.hash(i)}`)
          const missing = await cas.send('GET', `/v1/chunks/${prefix}/${NOBODY}`)
          expect(real.status).toBe(404)
          expect(await shown(real, chunks.hash(i))).toBe(await shown(missing, NOBODY))
        }
      }
    })
    expect((await victim.cas.send('GET', `/v1/chunks/default/${chunks.hash(0)}`)).status).toBe(200)
  })

  test('all of them: a shard that names the file’s chunks is refused, as one that names no xorb we have', async () => {
    const unknown = await pack([randomBytes(400_000)])
    await forEach(async (cas, { name }) => {
      for (const version of [1, 2]) {
        const [real, missing] = [
          await cas.postShard(victim.packed.shard, version),
          await cas.postShard(unknown.shard, version),
        ]
        const expected = await shown(missing, xorbOf(unknown))
        expect([name, await shown(real, xorbOf(victim.packed))]).toEqual([name, expected])
        expect(real.status).toBe(400)
      }
      expect((await cas.reconstruct(hashOf(victim.packed))).status).toBe(404)
    })
  })
})

describe('who claims a name proves it', () => {
  test('a xorb hash is claimed by its whole body alone', async () => {
    const { hash, body } = victim.packed.xorbs[0] as Packed['xorbs'][number]
    await forEach(async (cas) => {
      const short = await cas.postXorb(hash, body.subarray(0, body.length >> 1))
      expect(short.status).toBe(400)
      expect((await cas.send('HEAD', `/v1/xorbs/default/${hash}`)).status).toBe(404)
    })
  })

  test('a SHA-256: by commit, pointer, LFS batch, verify and object address', async () => {
    const { sha256, secret } = victim
    for (const { token, own } of attackers) {
      const lfs = (oid: string) => ({ key: 'lfsFile', value: { path: 'w', algo: 'sha256', oid, size: secret.length } })
      const pointer = (oid: string) =>
        file('w', `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${secret.length}\n`)
      const batch = (operation: string) => (oid: string) =>
        hub.post(`/${own}.git/info/lfs/objects/batch`, { operation, objects: [{ oid, size: secret.length }] }, token)
      const object = `/${own}.git/info/lfs/objects`
      const attacks: [(oid: string) => Promise<Answer>, number][] = [
        [(oid) => hub.commit(own, [lfs(oid)], { token }), 422],
        [(oid) => hub.commit(own, [pointer(oid)], { token }), 422],
        [batch('download'), 200],
        [batch('upload'), 200],
        [(oid) => hub.post(`${object}/${oid}/verify`, { oid, size: secret.length }, token), 404],
        [(oid) => hub.ask(`${object}/${oid}`, { token }), 404],
      ]
      for (const [attack, status] of attacks) {
        const [real, missing] = [await attack(sha256), await attack(NOBODY)]
        expect(real.status).toBe(status)
        const plain = (text: string, oid: string) =>
          text.replaceAll(oid, 'OID').replace(/"request_id":"[^"]*"|&?(s|expires)=[\w-]+/g, '')
        expect(plain(real.text, sha256)).toBe(plain(missing.text, NOBODY))
      }
    }
  })
})

describe('who has the same bytes', () => {
  test('leads nobody else through pieces of its own, whoever of them comes first', async () => {
    const terms = async (cas: SmallClient, hash: string) => {
      const { status, body } = await cas.reconstruct(hash as never).then(async (answer) => ({
        status: answer.status,
        body: (await answer.json()) as { terms: { hash: string }[] },
      }))
      expect(status).toBe(200)
      return body.terms.map((term) => term.hash)
    }
    const [{ token, own }] = attackers as [(typeof attackers)[number]]
    const attacker = await casOf(own, token)
    const known = randomBytes(600_000)
    const [whole, pieces] = [await pack([known]), await pack([known], { chunksMax: 1 })]
    expect(pieces.xorbs.length).toBeGreaterThan(3)
    await victim.cas.upload(whole)
    const before = await terms(victim.cas, hashOf(whole))
    await attacker.upload(pieces)
    // Once more, now that the file is one of its own.
    await attacker.upload(pieces)
    expect(await terms(victim.cas, hashOf(whole))).toEqual(before)
    expect(Buffer.from(await attacker.download(hashOf(whole) as never)).equals(known)).toBe(true)

    const squatted = randomBytes(600_000)
    const [honest, early] = [await pack([squatted]), await pack([squatted], { chunksMax: 1 })]
    await attacker.upload(early)
    await victim.cas.upload(honest)
    expect(await terms(victim.cas, hashOf(honest))).toEqual([xorbOf(honest)])
  })
})

describe('a signed URL', () => {
  test('gives its range, and neither another one, nor another xorb, end or method', async () => {
    expect((await fetch(victim.url)).status).toBe(403)
    const url = new URL(victim.url)
    const [start, end] = (url.searchParams.get('r') as string).split('-').map(Number) as [number, number]
    const get = async (address: string | URL, range: string, method = 'GET') => {
      const response = await fetch(address, { method, headers: { range: `bytes=${range}` } })
      // Bytes that nobody reads would keep the connection, and the server, from closing.
      await response.arrayBuffer()
      return response.status
    }
    expect(await get(url, `${start}-${end - 1}`)).toBe(206)
    expect(await get(url, `${start}-${end}`)).toBe(403)
    expect(await get(url, `${end}-${end + 99}`)).toBe(403)
    expect(await get(url, `${start}-${start}, ${end}-${end}`)).toBe(403)
    const changed = (name: string, value: string) => {
      const other = new URL(url)
      other.searchParams.set(name, value)
      return other
    }
    for (const forged of [
      changed('r', `${start}-${end + 1}`),
      changed('x', String(Number(url.searchParams.get('x')) + 1)),
      changed('c', 'other'),
      changed('s', 'A'.repeat(43)),
      victim.url.replace(xorbOf(victim.packed), NOBODY),
      `${victim.url}&r=0-999999`,
    ]) {
      expect(await get(forged, `${start}-${end - 1}`)).toBe(403)
    }
    for (const method of ['HEAD', 'POST']) expect(await get(url, `${start}-${end - 1}`, method)).toBe(403)
  })

  test('of LFS is for one object, action and repository', async () => {
    const batch = { operation: 'download', objects: [{ oid: victim.sha256, size: victim.secret.length }] }
    const { json } = await hub.post('/alice/vault.git/info/lfs/objects/batch', batch)
    const { href } = json.objects[0].actions.download as { href: string }
    expect((await hub.ask(href)).body.equals(victim.secret)).toBe(true)
    for (const [address, method, status] of [
      [href.replace('alice/vault', 'alice/side'), 'GET', 401],
      [href.replace('alice/vault', 'mallory/own'), 'GET', 404],
      [href.replace(victim.sha256, NOBODY), 'GET', 401],
      [href.replace(/expires=\d+/, 'expires=99999999999'), 'GET', 401],
      [href, 'PUT', 403],
    ] as const) {
      expect([address, (await hub.ask(address, { method })).status]).toEqual([address, status])
    }
  })
})

describe('another account’s CAS', () => {
  test('opens to its own token alone', async () => {
    const path = `/v2/reconstructions/${hashOf(victim.packed)}`
    for (const { token, own } of attackers) {
      const { json } = await hub.ask(`/api/models/${own}/xet-write-token/main`, { token })
      const theirs = new SmallClient(victim.cas.url, json.accessToken)
      expect((await theirs.send('GET', path)).status).toBe(401)
      const otherEpoch = new SmallClient(json.casUrl.replace(/cas\/[^/]+/, 'cas/other'), json.accessToken)
      expect((await otherEpoch.send('GET', path)).status).toBe(401)
      for (const forged of ['', token, `${json.accessToken}x`, json.accessToken.replace(/\..*/, '.AAAA')]) {
        expect((await new SmallClient(victim.cas.url, forged).send('GET', path)).status).toBe(401)
      }
    }
  })

  test('a token for one repository reads there what that repository holds, and shares no upload with its user', async () => {
    const [, limited] = attackers as [unknown, (typeof attackers)[number]]
    const cas = await casOf(limited.own, limited.token)
    const mine = await pack([randomBytes(100_000)])
    await cas.upload(mine)
    expect((await cas.reconstruct(hashOf(mine))).status).toBe(200)
    expect((await victim.cas.reconstruct(hashOf(mine))).status).toBe(404)
    const { json } = await hub.ask('/api/models/alice/side/xet-read-token/main', { token: limited.token })
    expect(json.casUrl).toBe(cas.url)
    expect(json.casUrl).not.toBe(victim.cas.url)
  })
})

describe('rights that end', () => {
  test('a member who left, a user who was removed and a token that ended read nothing more', async () => {
    const { accounts } = hub.parts
    const owner = accounts.createUser('owner')
    accounts.createOrg('team')
    accounts.setMember('team', owner.name, 'admin')
    const { token } = accounts.createToken(owner.name, { scope: 'write' })
    await hub.post('/api/repos/create', { name: 'plans', organization: 'team', private: true }, token)
    const line = await hub.upload('team/plans', 'p.bin', randomBytes(50_000), token)
    expect((await hub.commit('team/plans', [line], { token })).status).toBe(200)
    const { xetHash } = (
      await hub.ask('/api/models/team/plans/paths-info/main', {
        ...{ method: 'POST', token, body: 'paths=p.bin' },
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
    ).json[0]
    accounts.createUser('guest')
    accounts.setMember('team', 'guest', 'read')
    const guest = accounts.createToken('guest', { scope: 'write' }).token
    const repo = accounts.repos.find({ type: 'model', namespace: 'team', name: 'plans' })?.id as string
    const limited = accounts.createToken('guest', { scope: 'read', name: 'one', repos: [repo] })
    for (const one of [guest, limited.token]) {
      const cas = await casOf('team/plans', one, 'read')
      expect((await cas.reconstruct(xetHash)).status).toBe(200)
    }
    const [whole, part] = [await casOf('team/plans', guest, 'read'), await casOf('team/plans', limited.token, 'read')]
    accounts.removeMember('team', 'guest')
    for (const cas of [whole, part]) expect((await cas.reconstruct(xetHash)).status).toBe(404)
    expect((await hub.ask('/team/plans/resolve/main/p.bin', { token: guest })).status).toBe(404)
    accounts.setMember('team', 'guest', 'read')
    expect((await part.reconstruct(xetHash)).status).toBe(200)
    accounts.revokeToken({ token: limited.info.id })
    expect((await part.reconstruct(xetHash)).status).toBe(401)
    accounts.removeUser('guest')
    expect((await whole.reconstruct(xetHash)).status).toBe(401)
  })

  test('a CAS token ends with the token it was got with, while others of the same user go on', async () => {
    const { accounts } = hub.parts
    const lost = accounts.createToken('alice', { scope: 'write', name: 'lost laptop' })
    const [stolen, mine] = [await casOf('alice/vault', lost.token), await casOf('alice/vault', hub.alice)]
    const hash = hashOf(victim.packed)
    expect((await stolen.reconstruct(hash)).status).toBe(200)
    accounts.revokeToken({ token: lost.info.id })
    const refused = await stolen.reconstruct(hash)
    expect([refused.status, await refused.json()]).toMatchObject([401, { code: 'CAS_TOKEN_REVOKED' }])
    await expect(stolen.upload(await pack([randomBytes(10_000)]))).rejects.toThrow(/401/)
    expect((await mine.reconstruct(hash)).status).toBe(200)
  })

  test('a CAS token ends no later than the token it was got with', async () => {
    const expiresMs = Date.now() + 60_000
    const { token } = hub.parts.accounts.createToken('alice', { scope: 'read', name: 'brief', expiresMs })
    const { json } = await hub.ask('/api/models/alice/vault/xet-read-token/main', { token })
    expect(json.exp).toBe(Math.floor(expiresMs / 1000))
  })
})
