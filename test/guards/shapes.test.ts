/**
 * Requests that no honest client sends, at the real server: each is refused, nothing behind it in the same connection is
 * taken for a request of its own, and the next client is served.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send, sendRaw } from '../farm/http-send.ts'
import { HubProcess } from '../farm/hub-process.ts'

let folder = ''
let hub: HubProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-shapes-'))
  hub = await HubProcess.start(folder)
  const body = { name: 'x', organization: 'admin', type: 'model' }
  const made = await send(hub.url, '/api/repos/create', { method: 'POST', token: hub.adminToken, body })
  expect(made.status).toBe(200)
})
afterAll(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})

const HOST = 'Host: localhost\r\n'
const POST = `POST /api/validate-yaml HTTP/1.1\r\n${HOST}`
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`
/** What an attacker hides behind the first request. */
const SECOND = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** The statuses that come back on one connection. */
async function statuses(raw: string, waitMs = 2_000): Promise<number[]> {
  const text = await sendRaw(hub.url, raw, waitMs)
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status))
}

describe('where one request ends is never in doubt', () => {
  test.each<[string, string]>([
    ['Content-Length and Transfer-Encoding', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['Transfer-Encoding and Content-Length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`],
    ['two equal lengths', `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`],
    ['a list of lengths', `${POST}Content-Length: 2, 2\r\n\r\n{}`],
    ['a length with a sign', `${POST}Content-Length: +2\r\n\r\n{}`],
    ['a negative length', `${POST}Content-Length: -2\r\n\r\n{}`],
    ['a hexadecimal length', `${POST}Content-Length: 0x2\r\n\r\n{}`],
    ['a length above 2^64', `${POST}Content-Length: 18446744073709551618\r\n\r\n{}`],
    ['a length with a space in it', `${POST}Content-Length: 1 2\r\n\r\n{}`],
    ['no length after its colon', `${POST}Content-Length: \r\n\r\n{}`],
    ['an unknown coding', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunked, but not last', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a vertical tab before the coding', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['chunked in HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `GET /health HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
    ['a folded coding', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ['a space before the first header', `GET /health HTTP/1.1\r\n X: a\r\n${HOST}\r\n`],
    ['line feeds alone', 'GET /health HTTP/1.1\nHost: localhost\n\n'],
    ['a line feed alone after one header', 'GET /health HTTP/1.1\r\nX: a\nHost: localhost\r\n\r\n'],
    ['a carriage return alone', `GET /health HTTP/1.1\r\nX: a\rY: b\r\n${HOST}\r\n`],
    ['NUL in a header', `GET /health HTTP/1.1\r\nX: a\0b\r\n${HOST}\r\n`],
    ['NUL in the path', `GET /hea\0lth HTTP/1.1\r\n${HOST}\r\n`],
    ['a header without a name', `GET /health HTTP/1.1\r\n: x\r\n${HOST}\r\n`],
    ['a chunk size with 0x', `${CHUNKED}0x2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size with a sign', `${CHUNKED}+2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size with a space', `${CHUNKED}2 \r\n{}\r\n0\r\n\r\n`],
    ['a chunk size above 2^64', `${CHUNKED}10000000000000002\r\n{}\r\n0\r\n\r\n`],
    ['chunks ended by line feeds', `${CHUNKED}2\n{}\n0\n\n`],
    ['a chunk longer than it says', `${CHUNKED}2\r\n{}XX0\r\n\r\n`],
    ['a line feed in a chunk extension', `${CHUNKED}2;a\nb\r\n{}\r\n0\r\n\r\n`],
    ['a chunk extension of 100 KB', `${CHUNKED}2;${'a'.repeat(100_000)}\r\n{}\r\n0\r\n\r\n`],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/1.9', `GET /health HTTP/1.9\r\n${HOST}\r\n`],
    ['an unknown method', `BREW /health HTTP/1.1\r\n${HOST}\r\n`],
  ])('%s', async (_name, raw) => {
    expect(await statuses(raw + SECOND)).toEqual([400])
  })

  test('trailers without end', async () => {
    expect(await statuses(`${CHUNKED}2\r\n{}\r\n0\r\n${'X: y\r\n'.repeat(50_000)}\r\n`)).toEqual([431])
  })

  test('a tunnel, an upgrade', async () => {
    expect(await statuses(`CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n`)).toEqual([])
    for (const protocol of ['websocket', 'h2c']) {
      const upgrade = `Connection: Upgrade, close\r\nUpgrade: ${protocol}\r\n`
      expect(await statuses(`GET /health HTTP/1.1\r\n${HOST}${upgrade}\r\n`)).toEqual([200])
    }
  })
})

describe('headers', () => {
  test('more than 100 of them are refused, also those that Node would leave out', async () => {
    const close = 'Connection: close\r\n'
    const ask = (count: number) => `GET /health HTTP/1.1\r\n${HOST}${close}${'a:\r\n'.repeat(count - 2)}\r\n`
    expect(await statuses(ask(100))).toEqual([200])
    expect(await sendRaw(hub.url, ask(101))).toMatch(/^HTTP\/1.1 431 [\s\S]*HEADERS_TOO_MANY/)
    expect(await statuses(ask(3_000))).toEqual([431])
  })

  test('a body that is packed is refused before it is read: what unpacks to a gigabyte as well', async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20))
    const paths = ['/api/validate-yaml', '/api/models/admin/x/commit/main', '/api/repos/create']
    for (const path of paths) {
      for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, gzip']) {
        const headers = { 'content-encoding': coding }
        const reply = await send(hub.url, path, { method: 'POST', token: hub.adminToken, headers, body: bomb })
        expect([reply.status, reply.json().code]).toEqual([415, 'BODY_ENCODED'])
      }
    }
    const coded = (coding: string) => `${POST}Connection: close\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`
    expect(await statuses(coded('gzip, chunked'))).toEqual([415])
    expect(await statuses(coded('identity, chunked'))).toEqual([415])
    expect(await statuses(coded('CHUNKED'))).toEqual([400])
    const plain = { 'content-encoding': 'identity' }
    const reply = await send(hub.url, '/api/validate-yaml', { method: 'POST', headers: plain, body: { content: '' } })
    expect(reply.status).toBe(200)
  })

  test('an address in the request line is no way around the Host', async () => {
    const ask = (target: string) => `GET ${target} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`
    for (const target of ['http://evil.example/health', 'http://localhost/health', 'health']) {
      expect(await statuses(ask(target))).toEqual([400])
    }
    expect(await statuses(ask('/health'))).toEqual([200])
  })

  test('addresses that a client makes up for a proxy change no answer', async () => {
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' }
    const reply = await send(hub.url, '/', { headers })
    expect(reply.body.toString()).not.toContain('evil.example')
  })
})

describe('paths', () => {
  test.each([
    '/%2e%2e/%2e%2e/etc/passwd',
    '/admin/x/resolve/main/../../../../etc/passwd',
    '/admin/x/resolve/main/..%2f..%2fHEAD',
    '/admin/x/resolve/main/%2e%2e/HEAD',
    '/admin/x/resolve/main/%252e%252e/HEAD',
    '/admin/x/resolve/main/a%00.gitattributes',
    '/admin/x/resolve/main/.gitattributes%00',
    '/admin/x/resolve/main/%',
    '/admin/x/resolve/main/%zz',
    '/admin/x/resolve/main/%c0%ae%c0%ae/HEAD',
    '/admin/x/resolve/main//.gitattributes',
    '/admin/x/resolve/main/./.gitattributes',
    '/admin/x/resolve/main/x/../.gitattributes',
    '/admin/x/resolve/main/x\\..\\.gitattributes',
    '/admin/x/resolve/..%2f..%2fHEAD/a',
    '/admin/x/resolve/--upload-pack=x/a',
    '/admin/..;/x/resolve/main/.gitattributes',
    '/admin%2fx/resolve/main/.gitattributes',
    '/api/models/..%2f..%2fx/tree/main',
    '/api/models/admin/x/tree/main/%2e%2e',
    '/api/models/admin/x/tree/main:.gitattributes',
    '/cas/..%2f..%2f/admin/v1/shards',
    '//evil.example/health',
    '/health/..',
    '/HEALTH',
    `/admin/x/resolve/main/${'a'.repeat(5_000)}`,
    `/admin/x/resolve/main/${'a/'.repeat(3_000)}b`,
    `/${'a'.repeat(15_000)}`,
  ])('%s leads nowhere', async (path) => {
    const reply = await send(hub.url, path, { token: hub.adminToken })
    expect([400, 404]).toContain(reply.status)
    expect(reply.headers['content-type']).toContain('application/json')
    expect(reply.body.toString()).not.toMatch(/root:|ref: refs|filter=lfs|node_modules|\n {4}at /)
  })

  test('the file itself is there', async () => {
    const reply = await send(hub.url, '/admin/x/resolve/main/.gitattributes', { token: hub.adminToken })
    expect(reply.body.toString()).toContain('filter=lfs')
  })
})

test('after all that it answers, and wrote no error into its log', async () => {
  expect((await send(hub.url, '/readyz')).status).toBe(200)
  expect(await readFile(join(folder, 'serve.log'), 'utf8')).not.toMatch(/"level":(50|60)/)
})
