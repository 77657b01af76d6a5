/** `xorbit repo move|settings` and `xorbit cp`, as people type them, on a running server. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../farm/http-send.ts'
import { HubProcess, xorbit } from '../farm/hub-process.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'

const MIB = 1 << 20
const large = randomBytes(3 * MIB)
let folder = ''
let hub: HubProcess
let alice = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'repo-commands-'))
  hub = await HubProcess.start(folder)
  alice = await hub.createUser('alice', 'write')
  const files = join(folder, 'files')
  await mkdir(join(files, 'sub'), { recursive: true })
  await writeFile(join(files, 'sub/large.bin'), large)
  await writeFile(join(files, 'sub/small.txt'), 'small')
  await writeFile(join(files, 'top.txt'), 'top')
  await ok('push', 'alice/one', files)
  await ok('repo', 'create', 'alice/two')
})
afterAll(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})

async function run(args: readonly string[], endpoint = hub.url) {
  const env = { HF_ENDPOINT: endpoint, HF_TOKEN: alice }
  const { code, stdout } = await xorbit(folder, [...args, '--json'], { env })
  return { code, last: JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown> }
}

async function ok(...args: string[]) {
  const { code, last } = await run(args)
  expect([args.join(' '), code, last.event]).toEqual([args.join(' '), 0, 'done'])
  return last
}

const get = (path: string, token: string | null = alice) => send(hub.url, path, { token })

test('cp: a folder with a large file into another repository, without its bytes', async () => {
  const proxy = await ToxicProxy.start(hub.url)
  try {
    const { code, last } = await run(['cp', 'alice/one/sub', 'alice/two'], proxy.url)
    expect([code, last]).toMatchObject([0, { event: 'done', copied: 2 }])
    expect(proxy.bytesUp + proxy.bytesDown).toBeLessThan(MIB)
  } finally {
    await proxy.close()
  }
  expect((await get('/alice/two/resolve/main/sub/large.bin')).body.equals(large)).toBe(true)
  expect((await get('/alice/two/resolve/main/sub/small.txt')).body.toString()).toBe('small')
})

test('cp: one file under another name, and into a folder, of the same repository', async () => {
  await ok('cp', 'alice/one/sub/large.bin', 'alice/one/again.bin', '-m', 'once more')
  await ok('cp', 'alice/one@main/top.txt', 'alice/one/sub/')
  expect((await get('/alice/one/resolve/main/again.bin')).body.equals(large)).toBe(true)
  expect((await get('/alice/one/resolve/main/sub/top.txt')).body.toString()).toBe('top')
  const commits = (await get('/api/models/alice/one/commits/main')).json() as unknown as { title: string }[]
  expect(commits.map(({ title }) => title)).toContain('once more')
})

test('cp: of a folder only what the globs leave', async () => {
  const { copied } = await ok('cp', 'alice/one/sub', 'alice/two/picked/', '--include', '*.txt', '--exclude', 'none*')
  expect(copied).toBe((await run(['ls', 'alice/one/sub', '--include', '*.txt'])).last.files)
  expect((await get('/alice/two/resolve/main/picked/sub/small.txt')).body.toString()).toBe('small')
  expect((await get('/alice/two/resolve/main/picked/sub/large.bin')).status).toBe(404)
})

test('cp: what is not there, and a repository in place of a file', async () => {
  expect((await run(['cp', 'alice/one/none', 'alice/two/x'])).last).toMatchObject({ code: 'ENTRY_NOT_FOUND', exit: 14 })
  expect((await run(['cp', 'alice/one', 'alice/two'])).last).toMatchObject({ code: 'PATH_MISSING', exit: 2 })
})

test('repo settings: private is hidden, public is not, gated asks', async () => {
  expect((await get('/api/models/alice/two', null)).status).toBe(200)
  await ok('repo', 'settings', 'alice/two', '--visibility', 'private')
  expect((await get('/api/models/alice/two', null)).status).toBe(401)
  await ok('repo', 'settings', 'alice/two', '--visibility', 'public', '--gated', 'manual')
  const reply = await get('/alice/two/resolve/main/sub/small.txt', null)
  expect([reply.status, reply.headers['x-error-code']]).toEqual([401, 'GatedRepo'])
  await ok('repo', 'settings', 'alice/two', '--gated', 'off')
  expect((await get('/alice/two/resolve/main/sub/small.txt', null)).status).toBe(200)
  expect((await run(['repo', 'settings', 'alice/two'])).last).toMatchObject({ code: 'FLAG_MISSING' })
  expect((await run(['repo', 'settings', 'alice/two', '--gated', 'x'])).last).toMatchObject({ code: 'FLAG_INVALID' })
  expect((await run(['repo', 'settings', 'alice/two', '--visibility', 'x'])).last).toMatchObject({
    code: 'FLAG_INVALID',
  })
})

test('repo move: the new name has all, the old one leads there, each change has its line in the audit log', async () => {
  expect(await ok('repo', 'move', 'alice/two', 'alice/three')).toMatchObject({ repo: 'alice/three' })
  expect((await get('/alice/three/resolve/main/sub/small.txt')).body.toString()).toBe('small')
  const old = await get('/alice/two/resolve/main/sub/small.txt')
  expect([old.status, old.headers.location]).toEqual([307, expect.stringContaining('/alice/three/')])
  const pulled = join(folder, 'pulled')
  await ok('pull', 'alice/two', '--local-dir', pulled)
  expect(await readFile(join(pulled, 'sub/large.bin'))).toEqual(large)
  expect((await run(['repo', 'move', 'alice/none', 'alice/four'])).last).toMatchObject({ exit: 14 })
  const audit = await xorbit(folder, ['audit', '--home', hub.home, '--json'])
  const actions = audit.stdout.split('\n').flatMap((line) => /"action":"([^"]+)"/.exec(line)?.[1] ?? [])
  expect(actions).toEqual(expect.arrayContaining(['repo.create', 'commit', 'repo.settings', 'repo.move']))
})
