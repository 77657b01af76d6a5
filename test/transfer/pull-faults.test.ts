import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pull } from '../../src/actions/pull.ts'
import { FakeHub, type HubFault, sendRange } from '../farm/fake-hub.ts'

const FAULTS: Record<string, HubFault> = {
  good: {},
  'only-v1': { onlyV1: true },
  'plan-misses-the-last-term': { plan: (plan) => void plan.terms.pop() },
  'plan-has-a-term-too-many': { plan: (plan) => void plan.terms.push({ ...must(plan.terms[0]) }) },
  'plan-has-no-address': { plan: (plan) => void delete plan.xorbs[must(plan.terms[1]).hash] },
  'plan-address-covers-too-little': {
    plan: (plan) => void must(must(must(plan.xorbs[must(plan.terms[0]).hash])[0]).ranges[0]).chunks.end--,
  },
  'plan-begins-inside-a-term': {
    plan: (plan) => {
      plan.offset_into_first_range = 5
    },
  },
  'plan-lies-about-a-length': {
    plan: ({ terms }) => {
      must(terms[0]).unpacked_length += 10
      must(terms[1]).unpacked_length -= 10
    },
  },
  'plan-swaps-two-terms': {
    plan: ({ terms }) => terms.splice(0, 2, must(terms[1]), must(terms[0])),
  },
  'one-byte-flipped': { xorb: ({ body }) => flip(body) },
  'own-cas': { list: () => undefined },
  'own-cas-flips-a-byte': { list: () => undefined, xorb: ({ body }) => flip(body) },
  'own-cas-flips-a-byte-once': { list: () => undefined, xorb: ({ body }, hit) => hit === 0 && flip(body) },
  'own-cas-swaps-chunks': {
    list: () => undefined,
    plan: ({ terms }) => void terms.splice(0, 2, must(terms[1]), must(terms[0])),
  },
  'own-cas-lies-about-chunks': { list: (packed) => flip(packed) },
  'one-byte-flipped-once': { xorb: ({ body }, hit) => hit === 0 && flip(body) },
  'address-expired': { xorb: ({ response }, hit) => hit === 0 && refuse(response, 403) },
  'address-expired-for-ever': { xorb: ({ response }) => refuse(response, 403) },
  'xorb-gone': { xorb: ({ response }) => refuse(response, 404) },
  'xorb-damaged': {
    xorb: ({ response }) => {
      response.writeHead(404, { 'content-type': 'application/json' })
      response.end('{"error":"Chunk 3 is quarantined","code":"CHUNK_DAMAGED"}')
      return true
    },
  },
  'connection-cut': {
    xorb({ response, body, range }, hit) {
      if (hit > 0) return false
      response.writeHead(206, {
        'content-range': `bytes ${range.start}-${range.end - 1}/*`,
        'content-length': body.length,
      })
      response.write(body.subarray(0, 500_000), () => response.destroy())
      return true
    },
  },
  'short-but-clean': {
    xorb({ response, body, range }, hit) {
      if (hit > 0) return false
      response.writeHead(206, { 'content-range': `bytes ${range.start}-${range.end - 1}/*` })
      response.end(body.subarray(0, 500_000))
      return true
    },
  },
  'portal-in-place-of-xorb': {
    xorb({ response }) {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>please log in</html>')
      return true
    },
  },
  'range-shifted': {
    xorb({ response, body, range }) {
      sendRange(response, body, { start: range.start + 1, end: range.end + 1 })
      return true
    },
  },
  'cas-says-401-once': { refuseCasAt: 0 },
  'no-xet-here': { token: 404 },
  'sha256-of-another-file': {
    tree: (entries) => {
      must(entries[2]?.lfs).oid = 'a'.repeat(64)
    },
  },
  'size-of-another-file': {
    tree: (entries) => {
      must(entries[2]?.lfs).size += 1
    },
  },
  'xet-hash-masked': {
    tree: (entries) => {
      must(entries[2]).xetHash = '*'.repeat(64)
    },
  },
  'path-leaves-the-folder': {
    tree: (entries) => {
      must(entries[0]).path = '../../evil'
    },
  },
  'path-is-absolute': {
    tree: (entries) => {
      must(entries[0]).path = '/etc/evil'
    },
  },
  'path-is-of-git': {
    tree: (entries) => {
      must(entries[0]).path = '.git/config'
    },
  },
  'digest-is-a-path': {
    tree: (entries) => {
      must(entries[0]).oid = '../../../evil'
    },
  },
  'plain-byte-flipped': { file: (content) => flipped(content) },
  'plain-byte-flipped-once': {
    file: (content, path, hit) => (path === 'large.bin' && hit === 0 ? flipped(content) : content),
  },
  'plain-cut': { file: (content) => content.subarray(0, content.length - 1) },
  'plain-too-long': { file: (content) => Buffer.concat([content, Buffer.from('x')]) },
  'plain-portal': { file: () => Buffer.from('<!DOCTYPE html><html>please log in</html>') },
}

let hub: FakeHub
let folder: string

beforeAll(async () => {
  hub = await FakeHub.start(FAULTS)
  folder = await mkdtemp(join(tmpdir(), 'xorbit-faults-'))
})
afterAll(async () => {
  await hub.close()
  await rm(folder, { recursive: true })
})

function options(fault: string, extra: Partial<Parameters<typeof pull>[0]> = {}) {
  const env = { HOME: folder, XORBIT_HOME: join(folder, 'none') }
  return { ref: `f/${fault}`, endpoint: hub.url, cacheDir: join(folder, fault), token: 'hf_test', env, ...extra }
}

async function filesUnder(path: string): Promise<string[]> {
  const names = await readdir(path, { recursive: true }).catch(() => [] as string[])
  return names.filter((name) => /parts\/|\.tmp|\.link|(blobs|snapshots)\/.*[0-9a-f]{40}/.test(name))
}

test.each([
  'good',
  'only-v1',
  'own-cas',
  'own-cas-lies-about-chunks',
  'own-cas-flips-a-byte-once',
  'one-byte-flipped-once',
  'address-expired',
  'connection-cut',
  'short-but-clean',
  'cas-says-401-once',
  'xet-hash-masked',
  'plain-byte-flipped-once',
])('delivers every byte although: %s', async (fault) => {
  const { snapshot, bytes } = await pull(options(fault))
  for (const { path, content } of hub.files) expect(await readFile(join(snapshot, path))).toEqual(content)
  const total = hub.files.reduce((sum, { content }) => sum + content.length, 0)
  expect(bytes).toEqual({ total, cache: 0, peers: 0, origin: total })
  expect(
    await filesUnder(join(folder, fault)).then((names) => names.filter((name) => /parts\/|tmp/.test(name))),
  ).toEqual([])
})

test.each([
  ['plan-misses-the-last-term', 'integrity', 'PLAN_SIZE_MISMATCH'],
  ['plan-has-a-term-too-many', 'integrity', 'PLAN_SIZE_MISMATCH'],
  ['plan-has-no-address', 'integrity', 'PLAN_INCOMPLETE'],
  ['plan-address-covers-too-little', 'integrity', 'PLAN_INCOMPLETE'],
  ['plan-begins-inside-a-term', 'integrity', 'PLAN_BAD'],
  ['plan-lies-about-a-length', 'integrity', 'TERM_LENGTH_MISMATCH'],
  ['plan-swaps-two-terms', 'integrity', 'FILE_HASH_MISMATCH'],
  ['one-byte-flipped', 'integrity', 'FILE_HASH_MISMATCH'],
  ['own-cas-flips-a-byte', 'integrity', 'CHUNK_HASH_MISMATCH'],
  ['own-cas-swaps-chunks', 'integrity', 'CHUNK_HASH_MISMATCH'],
  ['address-expired-for-ever', 'forbidden', 'FORBIDDEN'],
  ['xorb-gone', 'not-found', 'NOT_FOUND'],
  ['xorb-damaged', 'damaged', 'CHUNK_DAMAGED'],
  ['portal-in-place-of-xorb', 'integrity', 'LOOKS_LIKE_HTML'],
  ['no-xet-here', 'unsupported', 'NO_XET'],
  ['sha256-of-another-file', 'integrity', 'SHA256_MISMATCH'],
  ['size-of-another-file', 'integrity', 'PLAN_SIZE_MISMATCH'],
])('keeps nothing of the file, and says why: %s', async (fault, kind, code) => {
  const error = await pull(options(fault, { files: ['weights.bin'] })).catch((thrown) => thrown)
  expect(error).toMatchObject({ name: 'AppError', kind, code })
  expect(error.message).toContain('weights.bin')
  expect(await filesUnder(join(folder, fault))).toEqual([])
})

test.each([
  ['plain-byte-flipped', 'CONTENT_MISMATCH'],
  ['plain-cut', 'CONTENT_MISMATCH'],
  ['plain-too-long', 'CONTENT_MISMATCH'],
  ['plain-portal', 'LOOKS_LIKE_HTML'],
])('keeps no plain file that is not what the Hub lists: %s', async (fault, code) => {
  for (const file of ['config.json', 'large.bin']) {
    const error = await pull(options(fault, { files: [file] })).catch((thrown) => thrown)
    expect(error).toMatchObject({ kind: 'integrity', code })
  }
  expect(await filesUnder(join(folder, fault))).toEqual([])
})

test.each([
  ['path-leaves-the-folder', 'PATH_UNSAFE'],
  ['path-is-absolute', 'PATH_UNSAFE'],
  ['path-is-of-git', 'PATH_UNSAFE'],
  ['digest-is-a-path', 'REPLY_SHAPE_BAD'],
])('refuses a listing before anything is written: %s', async (fault, code) => {
  await expect(pull(options(fault))).rejects.toMatchObject({ kind: 'malformed', code })
  await expect(readdir(join(folder, fault))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('goes on at the chunk in which the connection broke', async () => {
  const ranges = hub.seen.filter((line) => line.startsWith('xorb /elsewhere/f/connection-cut/'))
  const starts = ranges.map((line) => Number(/bytes=(\d+)-/.exec(line)?.[1])).filter((start) => start > 0)
  expect(starts).toHaveLength(1)
  expect(starts[0]).toBeGreaterThan(300_000)
})

test('renews a refused CAS token once, and never shows the Hub token to the CAS or the CAS token to the storage', () => {
  expect(hub.count(/^token \/api\/models\/f\/cas-says-401-once\//)).toBe(2)
  for (const line of hub.seen) {
    if (line.startsWith('xorb ')) expect(line).toMatch(/ -$/)
    if (line.startsWith('reconstructions ')) expect(line).toMatch(/Bearer xet_token_\d+$/)
  }
})

test('asks the Hub for nothing but the revision when all is here and proved', async () => {
  await pull(options('good'))
  const before = hub.seen.length
  const { bytes } = await pull(options('good'))
  expect(bytes.origin).toBe(0)
  expect(hub.seen.slice(before).map((line) => line.split(' ')[1])).toEqual(['/api/models/f/good/revision/main/'])
})

test('fetches a blob again that was changed on disk since it was proved', async () => {
  const { snapshot } = await pull(options('good', { cacheDir: join(folder, 'tampered') }))
  const path = join(snapshot, 'large.bin')
  const content = await readFile(path)
  flip(content)
  await writeFile(path, content)
  const { bytes } = await pull(options('good', { cacheDir: join(folder, 'tampered') }))
  expect(bytes.origin).toBe(content.length)
  expect(await readFile(path)).toEqual(hub.files[1]?.content)
})

test('replaces a longer file at the target whole, and a link without writing through it', async () => {
  const localDir = join(folder, 'local')
  await pull(options('good', { localDir }))
  await writeFile(join(localDir, 'large.bin'), Buffer.alloc(1_000_000))
  await pull(options('good', { localDir }))
  expect(await readFile(join(localDir, 'large.bin'))).toEqual(hub.files[1]?.content)
})

test('leaves nothing behind when cancelled in the middle, and ends at once', async () => {
  const stop = new AbortController()
  const pulling = pull(
    options('good', {
      cacheDir: join(folder, 'cancelled'),
      files: ['weights.bin'],
      signal: stop.signal,
      onProgress: ({ event }) => event === 'bytes' && stop.abort('SIGINT'),
    }),
  )
  await expect(pulling).rejects.toMatchObject({ kind: 'cancelled' })
  expect(await filesUnder(join(folder, 'cancelled'))).toEqual([])
})

function flip(body: Buffer): false {
  const at = Math.floor(body.length / 2)
  body[at] = (body[at] as number) ^ 1
  return false
}

function flipped(content: Buffer): Buffer {
  flip(content)
  return content
}

function refuse(response: { writeHead(status: number): { end(): unknown } }, status: number): true {
  response.writeHead(status).end()
  return true
}

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('The fake Hub has no such thing')
  return value
}

test('asks for the chunks of a file that it keeps parts of, of a smaller one only after something was wrong', async () => {
  expect(hub.count(/f\/own-cas\/.*chunk-lists/)).toBe(0)
  expect(hub.count(/f\/own-cas-flips-a-byte-once\/.*chunk-lists/)).toBe(1)
  const large = await FakeHub.start(FAULTS, 5_000_000)
  try {
    const { snapshot } = await pull(options('own-cas', { endpoint: large.url, cacheDir: join(folder, 'large') }))
    expect(await readFile(join(snapshot, 'weights.bin'))).toEqual(large.files[2]?.content)
    expect(large.count(/chunk-lists/)).toBe(1)
    const lied = pull(options('own-cas-lies-about-chunks', { endpoint: large.url, cacheDir: join(folder, 'lied') }))
    await expect(lied).rejects.toMatchObject({ kind: 'integrity', code: 'CHUNK_LIST_MISMATCH' })
  } finally {
    await large.close()
  }
})

test('names the xorb and the chunk where the file is known chunk by chunk', async () => {
  const error = await pull(options('own-cas-flips-a-byte', { files: ['weights.bin'] })).catch((thrown) => thrown)
  expect(error.data).toMatchObject({ path: 'weights.bin', chunk: expect.any(Number) })
  // Every xorb is spoilt, and several are fetched at once.
  expect(hub.terms.map(({ hash }) => hash)).toContain(error.data.xorb)
  expect(error.message).toMatch(/Chunk \d+ of xorb [0-9a-f]{64} is not chunk \d+ of the file/)
})
