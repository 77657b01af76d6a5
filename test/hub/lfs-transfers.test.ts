/** The transfers of LFS beside the basic one: parts, and the way into the CAS. */
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HubServer } from './hub-server.ts'

const PART = 10_000
let hub: HubServer

beforeAll(async () => {
  hub = await HubServer.start({ lfsParts: { above: 15_000, partBytes: PART } })
  await hub.create('big')
})
afterAll(() => hub.remove())

interface Object_ {
  readonly oid: string
  readonly size: number
}

const objectOf = (content: Buffer): Object_ => ({
  oid: createHash('sha256').update(content).digest('hex'),
  size: content.length,
})

async function batch(
  objects: readonly Object_[],
  transfers: readonly string[],
  token = hub.alice,
  operation = 'upload',
) {
  const { status, json } = await hub.post(
    '/alice/big.git/info/lfs/objects/batch',
    { operation, transfers, objects },
    token,
  )
  return { status, ...json }
}

const commitOf = (path: string, { oid, size }: Object_) =>
  hub.commit('alice/big', [{ key: 'lfsFile', value: { path, algo: 'sha256', oid, size } }])

describe('an upload in parts', () => {
  const content = randomBytes(25_001)
  const object = objectOf(content)
  const partsOf = (header: Record<string, string>) =>
    Object.entries(header)
      .filter(([name]) => /^\d{5}$/.test(name))
      .map(([name, href]) => ({ number: Number(name), href }))
  const bytesOf = (number: number) => content.subarray((number - 1) * PART, number * PART)

  test('in any order, some twice, becomes the file', async () => {
    const { transfer, objects } = await batch([object], ['basic', 'multipart'])
    expect(transfer).toBe('multipart')
    const { upload, verify } = objects[0].actions
    expect(upload.header.chunk_size).toBe(String(PART))
    const parts = partsOf(upload.header)
    expect(parts.map(({ number }) => number)).toEqual([1, 2, 3])
    const early = await hub.ask(upload.href, { method: 'POST', body: '{}' })
    expect([early.status, early.json.code]).toEqual([400, 'LFS_PART_MISSING'])
    for (const { number, href } of [...parts.reverse(), ...parts.slice(0, 1)]) {
      const put = await hub.ask(href, { method: 'PUT', body: bytesOf(number) })
      expect(put.status).toBe(200)
      expect(put.headers.etag).toMatch(/^"[0-9a-f]{64}"$/)
    }
    const sent = { oid: object.oid, parts: parts.map(({ number }) => ({ partNumber: number, etag: 'x' })) }
    expect((await hub.ask(upload.href, { method: 'POST', body: JSON.stringify(sent) })).status).toBe(200)
    expect((await hub.ask(verify.href, { method: 'POST', body: JSON.stringify(object) })).status).toBe(200)
    expect((await commitOf('w.bin', object)).status).toBe(200)
    expect((await hub.ask('/alice/big/resolve/main/w.bin')).body.equals(content)).toBe(true)
    expect((await batch([object], ['multipart'])).objects[0].actions).toBeUndefined()
  })

  test('of other bytes is refused, and begins anew', async () => {
    const other = objectOf(randomBytes(25_001))
    const { upload } = (await batch([other], ['multipart', 'basic'])).objects[0].actions
    const parts = partsOf(upload.header)
    for (const { number, href } of parts) await hub.ask(href, { method: 'PUT', body: bytesOf(number) })
    const done = await hub.ask(upload.href, { method: 'POST', body: '{}' })
    expect([done.status, done.json.code]).toEqual([400, 'LFS_OID_MISMATCH'])
    expect((await hub.ask(upload.href, { method: 'POST', body: '{}' })).json.code).toBe('LFS_PART_MISSING')
    expect((await commitOf('x.bin', other)).status).toBe(422)
    const wrong = await hub.ask(parts[0]?.href ?? '', { method: 'PUT', body: Buffer.alloc(PART + 1) })
    expect([wrong.status, wrong.json.code]).toEqual([400, 'LFS_SIZE_MISMATCH'])
    const chunked = await fetch(parts[0]?.href ?? '', {
      method: 'PUT',
      body: streamOf(Buffer.alloc(PART - 1)),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(400)
  })

  test('goes only to the addresses signed for it', async () => {
    const other = objectOf(randomBytes(25_001))
    const { upload } = (await batch([other], ['multipart', 'basic'])).objects[0].actions
    const [first] = partsOf(upload.header)
    const href = first?.href ?? ''
    for (const bad of [
      href.replace('/part-1?', '/part-2?'),
      href.replace('/part-1?', '/complete?'),
      href.replace('/part-1?', '/part-x?'),
      href.replace(/s=[^&]*/, 's=AAAA'),
    ]) {
      const method = bad.includes('/complete') ? 'POST' : 'PUT'
      expect((await hub.ask(bad, { method, body: bytesOf(1) })).json.code).toBe('LFS_URL_BAD')
    }
  })

  test('of more parts than are taken is refused', async () => {
    const size = PART * 10_001
    const answer = await batch([{ oid: 'a'.repeat(64), size }], ['multipart', 'basic'])
    expect([answer.status, answer.code]).toEqual([413, 'LFS_PARTS_TOO_MANY'])
  })
})

describe('the transfer is chosen', () => {
  test('by what clients offer and how large the objects are', async () => {
    const [small, large] = [objectOf(randomBytes(100)), objectOf(randomBytes(20_000))]
    const chosen = async (objects: Object_[], transfers: string[], operation = 'upload') =>
      (await batch(objects, transfers, hub.alice, operation)).transfer
    expect(await chosen([small], ['basic', 'multipart'])).toBe('basic')
    expect(await chosen([small, large], ['basic', 'multipart'])).toBe('multipart')
    expect(await chosen([large], ['basic'])).toBe('basic')
    expect(await chosen([small], ['multipart'])).toBe('multipart')
    expect(await chosen([large], ['basic', 'multipart', 'xet'])).toBe('xet')
    expect(await chosen([large], ['xet', 'basic'], 'download')).toBe('basic')
    expect((await batch([small], ['carrier-pigeon'])).code).toBe('LFS_TRANSFER_UNKNOWN')
  })

  test('only for a pull request, not for a branch, for whoever may not write', async () => {
    const objects = [objectOf(randomBytes(100))]
    const upload = async (ref?: string, token = hub.bob) => {
      const body = { operation: 'upload', objects, ...(ref === undefined ? {} : { ref: { name: ref } }) }
      return (await hub.post('/alice/big.git/info/lfs/objects/batch', body, token)).status
    }
    expect(await upload()).toBe(200)
    expect(await upload('main')).toBe(403)
    expect(await upload('refs/heads/main')).toBe(403)
    expect(await upload('refs/pr/77')).toBe(404)
    await hub.post('/api/models/alice/big/discussions', { title: 'mine', pullRequest: true }, hub.bob)
    expect(await upload('refs/pr/1')).toBe(200)
    expect(await upload('main', hub.alice)).toBe(200)
  })

  test('xet leads into the CAS with a token for writing, which can be renewed', async () => {
    const object = objectOf(randomBytes(20_000))
    for (const token of [hub.alice, hub.bob]) {
      const { objects } = await batch([object], ['basic', 'xet'], token)
      const { upload } = objects[0].actions
      expect(upload.header['X-Xet-Access-Token']).toMatch(/^xet_/)
      expect(upload.header['X-Xet-Cas-Url']).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/cas\//)
      expect(Number(upload.header['X-Xet-Token-Expiration'])).toBeGreaterThan(0)
      const renewed = await hub.ask(upload.href, { token })
      expect(renewed.json.casUrl).toBe(upload.header['X-Xet-Cas-Url'])
    }
    expect(
      (
        await hub.ask('/alice/big.git/info/lfs/objects/batch', {
          method: 'POST',
          body: '{"operation":"upload","objects":[]}',
        })
      ).status,
    ).toBe(401)
  })
})

function streamOf(bytes: Buffer): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
}
