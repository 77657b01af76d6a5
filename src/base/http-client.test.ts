import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeServer, type FakeOrigin, listen, startFakeOrigin, THING } from '../../test/farm/fake-origin.ts'
import { HttpClient, pieces } from './http-client.ts'
import { RETRY_POLICY } from './retry.ts'

let origin: FakeOrigin
let other: FakeOrigin
const client = new HttpClient({ env: {}, idleMs: 300, retry: { ...RETRY_POLICY, firstMs: 1, capMs: 2 } })

beforeAll(async () => {
  origin = await startFakeOrigin()
  other = await startFakeOrigin()
})
afterAll(async () => {
  await client.close()
  await origin.close()
  await other.close()
})

async function readRange(path: string): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of client.range({ url: origin.url + path }, { start: 0, end: 40 })) parts.push(part)
  return Buffer.concat(parts)
}

test('reads exactly the range it asked for', async () => {
  expect(await readRange('/good')).toEqual(Buffer.from(THING.subarray(0, 40)))
})

test.each([
  ['length-more-than-sent', 'network'],
  ['chunked-without-end', 'network'],
  ['two-lengths', 'network'],
  ['gzip-label', 'upstream'],
  ['chunked-ended-short', 'upstream'],
  ['no-length-short', 'upstream'],
  ['other-range', 'upstream'],
  ['no-content-range', 'upstream'],
  ['range-ignored', 'upstream'],
  ['length-less-than-sent', 'upstream'],
  ['no-length-long', 'upstream'],
  ['html-in-place-of-bytes', 'integrity'],
  ['silent-before-headers', 'timeout'],
  ['silent-after-headers', 'timeout'],
  ['silent-after-bytes', 'timeout'],
])('refuses a range reply with the fault %s', async (fault, kind) => {
  await expect(readRange(`/fault/${fault}`)).rejects.toMatchObject({ name: 'AppError', kind })
})

test.each([
  ['bytes-of-no-range', true],
  ['no-content-range', false],
  ['other-range', false],
  ['range-ignored', false],
  ['length-less-than-sent', false],
])('for bytes that are proved anyhow an answer counts by its length: %s', async (fault, isTaken) => {
  const read = async () => {
    const parts: Uint8Array[] = []
    const request = { url: `${origin.url}/fault/${fault}`, unnamedRange: true }
    for await (const part of client.range(request, { start: 0, end: 40 })) parts.push(part)
    return Buffer.concat(parts)
  }
  if (isTaken) expect(await read()).toEqual(Buffer.from(THING.subarray(0, 40)))
  else await expect(read()).rejects.toMatchObject({ code: 'RANGE_REPLY_WRONG' })
  await expect(readRange(`/fault/${fault}`)).rejects.toMatchObject({ code: 'RANGE_REPLY_WRONG' })
})

test.each([
  ['headers-of-1-mib', 'malformed', 'REPLY_HEADERS_TOO_LARGE'],
  ['json-100000-deep', 'malformed', 'JSON_TOO_DEEP'],
  ['json-cut', 'malformed', 'JSON_MALFORMED'],
  ['html-in-place-of-bytes', 'integrity', 'LOOKS_LIKE_HTML'],
  ['redirect-loop', 'upstream', 'REDIRECT_LOOP'],
  ['429-for-ever', 'rate-limited', 'RATE_LIMITED'],
])('refuses JSON with the fault %s', async (fault, kind, code) => {
  await expect(client.json({ url: `${origin.url}/fault/${fault}` })).rejects.toMatchObject({ kind, code })
})

test('D22 follows a circle of redirects once, and does not try again', async () => {
  const before = origin.seen.length
  await expect(client.json({ url: `${origin.url}/fault/redirect-loop` })).rejects.toMatchObject({
    code: 'REDIRECT_LOOP',
  })
  expect(origin.seen.length - before).toBe(11)
})

test('bounds the size of JSON', async () => {
  await expect(client.json({ url: `${origin.url}/good` }, 50)).rejects.toMatchObject({ code: 'REPLY_TOO_LARGE' })
})

test.each(['503-three-times', '500-three-times', '429-wait-1'])('succeeds after %s', async (fault) => {
  expect((await client.json({ url: `${origin.url}/fault/${fault}` })).value).toEqual({ hit: true })
})

test('gives up at once when asked to wait for years, and says the figure', async () => {
  const url = `${origin.url}/fault/429-wait-99999999`
  await expect(client.json({ url })).rejects.toThrow(/wait 99999999 s/)
  expect(origin.seen.filter((path) => path.endsWith('99999999'))).toHaveLength(1)
})

test('does not repeat a POST unless it is called idempotent', async () => {
  const url = `${origin.url}/fault/500-three-times?post`
  const before = origin.seen.length
  await client.json({ url: `${origin.url}/fault/silent-after-headers`, method: 'POST', body: 'x' }).then(
    () => expect.unreachable(),
    (error) => expect(error.kind).toBe('timeout'),
  )
  expect(origin.seen.length).toBe(before + 1)
  expect((await client.json({ url, method: 'POST', body: 'x', idempotent: true })).value).toEqual({ hit: true })
})

test('sends Authorization along a redirect only within the origin', async () => {
  const to = (target: string) => `${origin.url}/fault/redirect-to?to=${encodeURIComponent(target)}`
  const headers = { authorization: 'Bearer hf_secret' }
  const inside = await client.json({ url: to('/echo'), headers })
  const outside = await client.json({ url: to(`${other.url}/echo`), headers })
  const back = to(`${other.url}/fault/redirect-to?to=${encodeURIComponent(`${origin.url}/echo`)}`)
  expect(inside.value).toMatchObject({ headers: { authorization: 'Bearer hf_secret' } })
  expect(outside.value).not.toHaveProperty('headers.authorization')
  expect((await client.json({ url: back, headers })).value).not.toHaveProperty('headers.authorization')
})

test.each(['file:///etc/passwd', 'data:,x', 'gopher://x', 'ftp://x'])('refuses a redirect to %s', async (target) => {
  const url = `${origin.url}/fault/redirect-to?to=${encodeURIComponent(target)}`
  await expect(client.send({ url })).rejects.toMatchObject({ code: 'REDIRECT_REFUSED' })
})

test.each(['http://127.0.0.1/a\r\nX: y', 'file:///etc/passwd', 'http://user:pw@127.0.0.1/', 'nonsense'])(
  'refuses the address %j',
  async (url) => {
    await expect(client.send({ url })).rejects.toMatchObject({ code: 'URL_BAD' })
  },
)

test('refuses a token with a line break and does not repeat it', async () => {
  const sending = client.send({ url: `${origin.url}/echo`, headers: { authorization: 'Bearer hf_a\r\nX-Evil: 1' } })
  await expect(sending).rejects.toThrow(/^The token holds a line break/)
})

test('sends a large body in pieces with its length', async () => {
  const body = new Uint8Array(3_000_000)
  const url = `${origin.url}/echo`
  const { value } = await client.json({ url, method: 'POST', body: pieces(body), bodyLength: body.length })
  expect(value).toMatchObject({ bytes: 3_000_000, headers: { 'content-length': '3000000' } })
})

test('sees the refusal of a body that was never read', async () => {
  const body = new Uint8Array(20_000_000)
  const url = `${origin.url}/fault/413-before-body`
  const sending = client.json({ url, method: 'POST', body: pieces(body), bodyLength: body.length })
  await expect(sending).rejects.toMatchObject({ kind: 'too-large' })
})

test('names neither query nor token in errors', async () => {
  const url = 'http://127.0.0.1:1/x?signature=abc'
  const error = await client
    .send({ url, headers: { authorization: 'Bearer hf_secretsecret' } })
    .catch((thrown) => thrown)
  expect(error).toMatchObject({ kind: 'network', code: 'CONNECTION_FAILED' })
  expect(JSON.stringify([error.message, error.data])).not.toMatch(/abc|secret/)
})

test('ends within a moment when cancelled', async () => {
  const stop = new AbortController()
  const sending = client.send({ url: `${origin.url}/fault/silent-before-headers`, signal: stop.signal, idleMs: 60_000 })
  stop.abort('SIGINT')
  await expect(sending).rejects.toMatchObject({ kind: 'cancelled' })
})

test('a DELETE whose answer was lost has worked when it comes again and finds nothing', async () => {
  let deletes = 0
  const server = createServer((request, response) => {
    if (request.url === '/never') return response.writeHead(404).end()
    if (deletes++ === 0) return request.socket.destroy()
    response.writeHead(404).end()
  })
  const url = await listen(server)
  const reply = await client.send({ url, method: 'DELETE' })
  await reply.close()
  expect([reply.status, deletes]).toEqual([404, 2])
  await expect(client.send({ url: `${url}/never`, method: 'DELETE' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await closeServer(server)
})

test('an origin without space is not asked again', async () => {
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    response.writeHead(507).end()
  })
  const refused = client.send({ url: await listen(server), method: 'PUT', body: 'x' })
  await expect(refused).rejects.toMatchObject({ kind: 'no-space', code: 'UPSTREAM_FULL' })
  expect(asked).toBe(1)
  await closeServer(server)
})
