/** Plans, offline work, settings and the cache by the command line, as people and scripts see them. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HubProcess, xorbit } from '../farm/hub-process.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'

const MIB = 1 << 20
let folder = ''
let files = ''
let hub: HubProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transfer-commands-'))
  files = join(folder, 'files')
  hub = await HubProcess.start(join(folder, 'hub'))
  await mkdir(files)
  await writeFile(join(files, 'large.bin'), randomBytes(3 * MIB))
  await writeFile(join(files, 'small.txt'), 'small')
  expect((await run('push', 'admin/m', files)).code).toBe(0)
})
afterAll(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})

async function run(...args: string[]) {
  return runWith({}, ...args)
}

async function runWith(more: NodeJS.ProcessEnv, ...args: string[]) {
  const env = { HF_ENDPOINT: hub.url, HF_TOKEN: hub.adminToken, ...more }
  const { code, stdout, stderr } = await xorbit(folder, args, { env })
  const events = args.includes('--json')
    ? stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    : []
  return { code, stdout, stderr, events }
}

test('pull --dry-run: a table of what is here and what would be fetched, and nothing changes', async () => {
  const before = await run('pull', 'admin/m', '--dry-run')
  expect(before.stdout).toMatch(/ +size +here +to fetch {2}file\n/)
  expect(before.stdout).toMatch(/3\.15 MB {5}- {3}3\.15 MB {2}large\.bin\n/)
  expect(before.stdout).toMatch(/3 files at [0-9a-f]{12}: would fetch 3\.15 MB\n/)
  await expect(stat(join(folder, 'hf'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect((await run('pull', 'admin/m', '--include', 'large*', '--cache-dir', join(folder, 'half'))).code).toBe(0)
  const after = await run('pull', 'admin/m', '--dry-run', '--json', '--cache-dir', join(folder, 'half'))
  const large = after.events.find(({ path }) => path === 'large.bin')
  expect(large).toMatchObject({ event: 'file', bytes: 3 * MIB, cached: 3 * MIB, fetch: 0 })
  expect(after.events.at(-1)).toMatchObject({ event: 'done', bytes: { cache: 3 * MIB } })
})

test('push --dry-run: what is new, changed and unchanged', async () => {
  const more = join(folder, 'more')
  await mkdir(more)
  await writeFile(join(more, 'small.txt'), 'other')
  await writeFile(join(more, 'new.txt'), 'new')
  const { stdout } = await run('push', 'admin/m', more, join(files, 'large.bin'), '--dry-run')
  expect(stdout).toMatch(/unchanged {2}large\.bin\n/)
  expect(stdout).toMatch(/changed {4}small\.txt\n/)
  expect(stdout).toMatch(/new {8}new\.txt\n/)
  expect(stdout).toContain('3 files: would push 8 B, less the chunks that the Hub has, 3.15 MB are there as they are')
})

test('--offline opens no connection: ls, cat, pull and verify work from the cache, or say what is missing', async () => {
  expect((await run('pull', 'admin/m')).code).toBe(0)
  const proxy = await ToxicProxy.start(hub.url)
  const offline = (...args: string[]) => runWith({ HF_ENDPOINT: proxy.url }, ...args, '--offline')
  try {
    expect((await offline('ls', 'admin/m', '--include', '*.txt', '-q')).stdout).toBe('small.txt\n')
    expect((await offline('cat', 'admin/m/small.txt')).stdout).toBe('small')
    expect((await offline('verify', 'admin/m')).stdout).toContain('3 files checked')
    expect((await offline('pull', 'admin/m')).stdout).toContain('fetched 0 B')
    const missing = await offline('pull', 'admin/none')
    expect([missing.code, missing.stderr]).toEqual([14, expect.stringMatching(/not in the cache.*\(OFFLINE\)\n$/)])
    expect(proxy.bytesUp).toBe(0)
  } finally {
    await proxy.close()
  }
})

test('a byte that flipped at rest: cache verify names it, the remedy that it prints heals it', async () => {
  const { events } = await run('pull', 'admin/m', '--json')
  const snapshot = String(events.at(-1)?.snapshot)
  const path = await realpath(join(snapshot, 'large.bin'))
  await chmod(path, 0o644)
  await writeFile(path, randomBytes(3 * MIB))
  const found = await run('cache', 'verify', '--json')
  expect(found.code).toBe(15)
  const difference = found.events.find(({ event }) => event === 'difference')
  expect(difference).toMatchObject({ repo: 'admin/m', path: 'large.bin', remedy: 'xorbit pull admin/m --paranoid' })
  expect(found.events.at(-1)).toMatchObject({ event: 'error', code: 'VERIFY_DIFFERENCES', exit: 15 })
  expect((await run(...String(difference?.remedy).split(' ').slice(1))).code).toBe(0)
  expect((await run('cache', 'verify')).stdout).toMatch(/3 files checked, 0 differ/)
})

test('cache ls, rm and prune: nothing goes without a yes', async () => {
  expect((await run('cache', 'ls', '-q')).stdout).toBe('admin/m\n')
  expect((await run('cache', 'ls', '--filter', 'size>1GB', '-q')).stdout).toBe('')
  const [repo] = (await run('cache', 'ls', '--json', '--sort', 'size')).events
  expect(repo).toMatchObject({ event: 'repo', repo: 'admin/m', files: 3, refs: ['main'] })
  expect((await run('cache', 'ls', '--filter', 'colour=red')).stderr).toMatch(/--filter colour=red.*FLAG_INVALID/)
  const asked = await run('cache', 'rm', 'admin/m')
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('NOT_CONFIRMED')])
  expect((await run('cache', 'prune')).stdout).toContain('nothing to prune')
  expect((await run('cache', 'rm', 'admin/m', '-y', '--json')).events.at(-1)).toMatchObject({
    event: 'done',
    dryRun: false,
  })
  expect(await readdir(join(folder, 'hf', 'hub'))).not.toContain('models--admin--m')
})

test('settings: kept in the file, outweighed by the environment, refused with their line', async () => {
  const path = (await run('config', 'path')).stdout.trim()
  expect(path).toBe(join(folder, 'config', 'xorbit', 'config.toml'))
  expect((await run('config', 'set', 'endpoint', hub.url)).code).toBe(0)
  expect((await runWith({ HF_ENDPOINT: '' }, 'ls', 'admin/m', '-q')).stdout).toContain('small.txt')
  expect((await run('config', 'get', 'endpoint')).stderr).toContain('environment: HF_ENDPOINT')
  expect((await run('config', 'ls')).stdout).toMatch(/\ntoken +(hf_)?…\w* +environment: HF_TOKEN\n/)
  expect((await run('config', 'set', 'endpiont', 'x')).stderr).toMatch(/did you mean endpoint\? \(CONFIG_KEY_UNKNOWN\)/)
  await writeFile(path, 'endpoint = 4\n')
  expect((await run('ls')).stderr).toMatch(/config\.toml line 1: endpoint is no http\(s\) address \(CONFIG_VALUE_BAD\)/)
  expect((await run('config', 'unset', 'endpoint')).code).toBe(0)
})

test('doctor: exit 0 with the facts, 15 with a remedy', async () => {
  const well = await run('doctor', '--json')
  expect(well.code).toBe(0)
  expect(well.events).toContainEqual(expect.objectContaining({ event: 'fact', name: 'user', text: 'admin (write)' }))
  const ill = await runWith({ HF_ENDPOINT: 'http://127.0.0.1:1' }, 'doctor')
  expect(ill.code).toBe(15)
  expect(ill.stdout).toMatch(/problem: http:\/\/127\.0\.0\.1:1 cannot be used.*\n {2}do: check the network/)
})
