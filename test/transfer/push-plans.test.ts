/** What a push leaves out or sends otherwise must still be true of the commit it makes. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listFiles, removeFiles } from '../../src/actions/browse.ts'
import { pull } from '../../src/actions/pull.ts'
import { push } from '../../src/actions/push.ts'
import { createRepo } from '../../src/actions/repo.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { HttpClient } from '../../src/base/http-client.ts'
import { silentLog } from '../../src/base/log.ts'
import { HubClient } from '../../src/transfer/hub-client.ts'
import { listLocalFiles } from '../../src/transfer/local-files.ts'
import { type PushJob, pushFiles } from '../../src/transfer/push-files.ts'

let folder: string
let server: RunningServer
const http = new HttpClient({ env: {} })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-plans-'))
  const home = join(folder, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
})
afterAll(async () => {
  await http.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

const env = () => ({ HOME: folder, XORBIT_HOME: join(folder, 'server'), HF_HOME: join(folder, 'hf') })

async function writeFiles(name: string, files: Record<string, string>): Promise<string> {
  await mkdir(join(folder, name), { recursive: true })
  for (const [path, content] of Object.entries(files)) await writeFile(join(folder, name, path), content)
  return join(folder, name)
}

async function jobFor(id: string, source: string, hub: HubClient, more: Partial<PushJob> = {}): Promise<PushJob> {
  const files = await listLocalFiles([source])
  const texts = { summary: 'push', description: '', revision: 'main', parent: null }
  const repo = { type: 'model', id } as const
  return { hub, repo, files, ...texts, uploads: 2, useXet: true, onProgress: () => undefined, ...more }
}

/** Before each of its first commits somebody else makes one. */
class RacedHub extends HubClient {
  races: (() => Promise<unknown>)[] = []
  override async commit(...args: Parameters<HubClient['commit']>) {
    await this.races.shift()?.()
    return super.commit(...args)
  }
}

test('a file that was left out as unchanged, and is deleted meanwhile, is pushed after all', async () => {
  const source = await writeFiles('raced', { 'a.txt': 'a', 'b.txt': 'b' })
  await push({ repo: 'ann/raced', paths: [source], env: env() })
  await writeFiles('raced', { 'b.txt': 'changed' })
  const hub = new RacedHub({ http, endpoint: server.url, token: server.token })
  hub.races.push(() => removeFiles('ann/raced', ['a.txt'], { env: env() }))
  const { changed } = await pushFiles(await jobFor('ann/raced', source, hub))
  expect(changed).toBe(true)
  const { snapshot } = await pull({ ref: 'ann/raced', env: env() })
  expect(await readFile(join(snapshot, 'a.txt'), 'utf8')).toBe('a')
  expect(await readFile(join(snapshot, 'b.txt'), 'utf8')).toBe('changed')
})

test('a commit that was asked for onto one parent is not planned onto another', async () => {
  const source = await writeFiles('parented', { 'a.txt': 'a', 'b.txt': 'b' })
  const { commit } = await push({ repo: 'ann/parented', paths: [source], env: env() })
  await writeFiles('parented', { 'b.txt': 'changed' })
  const hub = new RacedHub({ http, endpoint: server.url, token: server.token })
  hub.races.push(() => removeFiles('ann/parented', ['a.txt'], { env: env() }))
  const job = await jobFor('ann/parented', source, hub, { parent: commit })
  await expect(pushFiles(job)).rejects.toMatchObject({ kind: 'conflict' })
})

test('small files above a total go as large ones, in the same commit', async () => {
  const contents = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}.txt`, `${i} `.repeat(500 + i)]))
  const source = await writeFiles('many', contents)
  await push({ repo: 'ann/many', paths: [`${source}/f0.txt`], env: env() })
  const hub = new HubClient({ http, endpoint: server.url, token: server.token })
  await pushFiles(await jobFor('ann/many', source, hub, { inlineBytesMax: 5000 }))
  const { snapshot, files } = await pull({ ref: 'ann/many', env: env() })
  for (const [path, content] of Object.entries(contents)) {
    expect(await readFile(join(snapshot, path), 'utf8')).toBe(content)
  }
  const inline = files.filter(({ path, sha256 }) => path.startsWith('f') && sha256 === null)
  expect(inline.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(5000 + 2 * 520)
  const again = await pushFiles(await jobFor('ann/many', source, hub, { inlineBytesMax: 5000 }))
  expect(again.bytes.deduplicated).toBeGreaterThan(15_000)
})

test('a private push never lands in a public repository', async () => {
  const source = await writeFiles('secret', { 'a.txt': 'a' })
  await createRepo({ repo: 'ann/open', isPrivate: false, env: env() })
  const refused = push({ repo: 'ann/open', paths: [source], isPrivate: true, env: env() })
  await expect(refused).rejects.toMatchObject({ kind: 'conflict', code: 'REPO_PUBLIC' })
  expect((await listFiles('ann/open', { env: env() })).files.map(({ path }) => path)).toEqual(['.gitattributes'])
  for (let i = 0; i < 2; i++) await push({ repo: 'ann/closed', paths: [source], isPrivate: true, env: env() })
  expect((await createRepo({ repo: 'ann/closed', isPrivate: true, env: env() })).made).toBe(false)
})

test('a dry run of the first push says what would be pushed, and makes nothing', async () => {
  const source = await writeFiles('dry', { 'a.txt': 'a' })
  const { files } = await push({ repo: 'ann/dry', paths: [source], dryRun: true, env: env() })
  expect(files).toBe(1)
  await expect(listFiles('ann/dry', { env: env() })).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' })
})
