/** Answers of a Hub or CAS that no client may follow: each is refused with its own code. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { HttpClient } from '../../src/base/http-client.ts'
import { RETRY_POLICY } from '../../src/base/retry.ts'
import { HubClient } from '../../src/transfer/hub-client.ts'
import { uploadByLfs } from '../../src/transfer/lfs-upload.ts'
import { RemoteCas } from '../../src/transfer/remote-cas.ts'
import { XetSession } from '../../src/transfer/xet-session.ts'
import type { ChunkHash, FileHash, XorbHash } from '../../src/xet/hash.ts'
import { closeServer, listen } from '../farm/fake-origin.ts'

const repo = { type: 'model', id: 'f/faulty' } as const
const http = new HttpClient({ env: {}, retry: { ...RETRY_POLICY, retries: 2, firstMs: 1 } })
let server: Server | null = null
afterEach(async () => {
  if (server !== null) await closeServer(server)
})

async function hubThat(answer: RequestListener): Promise<HubClient> {
  server = createServer(answer)
  return new HubClient({ http, endpoint: await listen(server), token: 'hf_test' })
}

/** A CAS whose address is that of our own kind, so that our extensions are asked for. */
async function casThat(answer: RequestListener): Promise<RemoteCas> {
  const hub = await hubThat((request, response) => {
    if (!request.url?.includes('-token/')) return answer(request, response)
    const casUrl = `http://${request.headers.host}/cas/e1/ann`
    response.end(JSON.stringify({ casUrl, exp: 4_000_000_000, accessToken: 'xet_x' }))
  })
  return new RemoteCas({ http, session: new XetSession({ hub, repo, scope: 'write', revision: 'main' }) })
}

async function listAll(hub: HubClient): Promise<number> {
  let count = 0
  for await (const { path } of hub.listFiles(repo, 'main')) count += path.length
  return count
}

test('pages of a listing that lead back to the first', async () => {
  const hub = await hubThat(({ url, headers }, response) => {
    const next = url?.includes('cursor=2') ? url.replace('&cursor=2', '') : `${url}&cursor=2`
    response.setHeader('link', `<http://${headers.host}${next}>; rel="next"`).end('[]')
  })
  await expect(listAll(hub)).rejects.toMatchObject({ kind: 'malformed', code: 'LISTING_ENDLESS' })
})

test('a next page that is no address', async () => {
  const hub = await hubThat((_request, response) => response.setHeader('link', '<http://[>; rel="next"').end('[]'))
  await expect(listAll(hub)).rejects.toMatchObject({ kind: 'malformed', code: 'LINK_BAD' })
})

test('an LFS object that the Hub refuses', async () => {
  const oid = 'c'.repeat(64)
  const hub = await hubThat((_request, response) => {
    response.end(JSON.stringify({ objects: [{ oid, size: 3, error: { code: 422, message: 'too odd' } }] }))
  })
  const file = { path: 'a.bin', localPath: '/nowhere', size: 3, sha256: oid }
  const uploaded = uploadByLfs([file], { hub, repo, onSent: () => undefined })
  await expect(uploaded).rejects.toMatchObject({ kind: 'upstream', code: 'LFS_REFUSED', message: /a\.bin.*too odd/ })
})

test('a chunk list that is not that of the file', async () => {
  const cas = await casThat((_request, response) => response.end(Buffer.alloc(72, 1)))
  const found = cas.findChunkList('a'.repeat(64) as FileHash, 100_000)
  await expect(found).rejects.toMatchObject({ kind: 'integrity', code: 'CHUNK_LIST_MISMATCH' })
})

test.each([
  ['{"type":"error","message":"sha","retryable":false}\n', 'integrity', 'SHARD_REFUSED'],
  ['{"type":"validating"}\n{"type":"error","message":"busy","retryable":true}', 'upstream', 'SHARD_REFUSED'],
  ['{"type":"validating"}\n', 'upstream', 'SHARD_REPLY_UNFINISHED'],
  ['', 'upstream', 'SHARD_REPLY_UNFINISHED'],
  ['result\n', 'malformed', 'JSON_MALFORMED'],
  ['7\n', 'malformed', 'JSON_MALFORMED'],
])('the answer %j to a shard', async (lines, kind, code) => {
  const cas = await casThat((request, response) => request.resume().on('end', () => response.end(lines)))
  await expect(cas.putShard(new Uint8Array(10))).rejects.toMatchObject({ kind, code })
})

test.each(['xorb', 'shard'])('a %s that arrives changed is sent once more, then given up', async (what) => {
  let sent = 0
  let refusals = 1
  const cas = await casThat((request, response) => {
    request.resume().on('end', () => {
      const isRefused = sent++ < refusals
      response.writeHead(isRefused ? 400 : 200)
      response.end(isRefused ? '{"error":"hash"}' : '{"type":"result","was_inserted":true}')
    })
  })
  const body = new Uint8Array(1000)
  const put = () => (what === 'xorb' ? cas.putXorb('a'.repeat(64) as XorbHash, body) : cas.putShard(body))
  await put()
  expect(sent).toBe(2)
  refusals = 9
  await expect(put()).rejects.toMatchObject({ kind: 'integrity', code: 'UPLOAD_REFUSED', message: /hash/ })
  expect(sent).toBe(4)
})

test('chunk queries that fail are asked once each, and soon not at all', async () => {
  const asked: string[] = []
  const cas = await casThat(({ url = '' }, response) => {
    asked.push(url)
    response.writeHead(url.endsWith('b'.repeat(64)) ? 404 : 500).end()
  })
  const ask = (digit: string) => cas.findDedupShard(digit.repeat(64) as ChunkHash)
  for (const digit of ['a', 'a', 'b', 'a', 'c', 'd', 'e', 'f']) expect(await ask(digit)).toBeNull()
  expect(asked.map((url) => url.at(-1)).join('')).toBe('aabacd')
})

test('a chunk list longer than any of a file of this size is not read to its end', async () => {
  const cas = await casThat((_request, response) => response.end(Buffer.alloc(36 * 100)))
  const found = cas.findChunkList('a'.repeat(64) as FileHash, 99)
  await expect(found).rejects.toMatchObject({ kind: 'malformed', code: 'REPLY_TOO_LARGE' })
})
