/** What files of one repository have in common comes over the network a few times, not once a file; and is proved in each. */
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pull } from '../../src/actions/pull.ts'
import { push } from '../../src/actions/push.ts'
import { startServer } from '../../src/app/lifecycle.ts'
import { HttpClient } from '../../src/base/http-client.ts'
import { silentLog } from '../../src/base/log.ts'
import { downloadXetFile } from '../../src/transfer/download-xet.ts'
import { HubClient } from '../../src/transfer/hub-client.ts'
import { RangeCache } from '../../src/transfer/range-cache.ts'
import { RemoteCas } from '../../src/transfer/remote-cas.ts'
import { StreamPool } from '../../src/transfer/stream-pool.ts'
import { XetSession } from '../../src/transfer/xet-session.ts'
import type { FileHash } from '../../src/xet/hash.ts'
import { FakeHub, noise } from '../farm/fake-hub.ts'

const FILES = 8
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-common-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('files that differ in their first bytes cost two requests each, the common rest three', async () => {
  const home = join(folder, 'server')
  const server = await startServer({
    home,
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    firstUser: 'ann',
    log: silentLog,
  })
  const common = noise(1_500_000)
  const contentOf = (i: number) => Buffer.concat([noise(4096, i + 2), common])
  const countOf = async (route: string) => {
    const reply = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })
    const lines = (await reply.text()).match(new RegExp(`^xorbit_http_requests_total.*GET.*${route}.*$`, 'gm')) ?? []
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  try {
    await mkdir(join(folder, 'in'))
    for (let i = 0; i < FILES; i++) await writeFile(join(folder, 'in', `${i}.bin`), contentOf(i))
    const env = { HOME: folder, XORBIT_HOME: home, HF_HOME: join(folder, 'hf') }
    await push({ env, repo: 'ann/common', paths: [join(folder, 'in')] })
    const { snapshot } = await pull({ env, ref: 'ann/common', maxWorkers: 1 })
    for (let i = 0; i < FILES; i++) expect(await readFile(join(snapshot, `${i}.bin`))).toEqual(contentOf(i))
    expect(await countOf('v2/reconstructions')).toBe(FILES)
    expect(await countOf('chunk-lists')).toBe(0)
    // With the first file it is one range; it is kept when it was wanted twice by itself.
    expect(await countOf('v1/xorbs')).toBe(FILES + 2)
  } finally {
    await server.stop()
  }
})

test('bytes of another file that do not fit are fetched over the network after all', async () => {
  const hub = await FakeHub.start({ good: {} })
  const http = new HttpClient({ env: {} })
  try {
    const client = new HubClient({ http, endpoint: hub.url, token: 'hf_test' })
    const repo = { type: 'model', id: 'f/good' } as const
    const cas = new RemoteCas({ http, session: new XetSession({ hub: client, repo, scope: 'read', revision: 'main' }) })
    const ranges = new RangeCache(64 * 1024 * 1024)
    for (const [xorb, { body }] of hub.xorbs) {
      const range = { xorb, bytes: { start: 0, end: body.length } }
      const collector = ranges.collect(range) ?? ranges.collect(range)
      const wrong = Buffer.from(body)
      wrong[1000] = (wrong[1000] as number) ^ 1
      collector?.add(wrong)
      collector?.keep()
    }
    const { content, sha256 } = hub.files[2] as (typeof hub.files)[number]
    const claim = { hash: hub.weightsHash as FileHash, size: content.length, sha256 }
    const file = await open(join(folder, 'out'), 'wx+')
    const streams = new StreamPool()
    try {
      await downloadXetFile({ cas, claim, file, journal: null, streams, ranges, onBytes: () => undefined })
    } finally {
      await file.close()
    }
    expect(await readFile(join(folder, 'out'))).toEqual(content)
    expect(hub.count(/^xorb /)).toBe(hub.xorbs.size)
  } finally {
    await http.close()
    await hub.close()
  }
})
