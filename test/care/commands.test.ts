/** The commands of care as people run them: beside a running server, on a stopped home, on what is no home. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HubProcess, xorbit } from '../farm/hub-process.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-care-'))
const hub = new HubProcess(join(scratch, 'hub'))
const content = randomBytes(300_000)

beforeAll(async () => {
  await hub.start()
  await writeFile(join(scratch, 'w.bin'), content)
  const env = { HF_ENDPOINT: hub.url, HF_TOKEN: hub.adminToken }
  const { code, stderr } = await xorbit(hub.folder, ['push', 'admin/m', join(scratch, 'w.bin')], { env })
  expect([code, stderr]).toEqual([0, expect.anything()])
}, 60_000)
afterAll(async () => {
  await hub.stop()
  await rm(scratch, { recursive: true })
})

/** Exit code and last event. */
async function run(...args: string[]): Promise<[number | null, Record<string, unknown>]> {
  const { code, stdout } = await xorbit(hub.folder, [...args, '--home', hub.home, '--json'])
  return [code, JSON.parse(stdout.trim().split('\n').at(-1) as string)]
}

async function careOfAll(backup: string): Promise<void> {
  expect(await run('gc', '--dry-run')).toEqual([0, expect.objectContaining({ event: 'done', dryRun: true, files: 0 })])
  expect(await run('gc')).toEqual([0, expect.objectContaining({ xorbs: 0, repositories: 1, epoch: null })])
  expect(await run('scrub', '--rate', '1000')).toEqual([0, expect.objectContaining({ checked: 3, problems: 0 })])
  expect(await run('doctor')).toEqual([0, expect.objectContaining({ problems: 0 })])
  expect(await run('backup', backup)).toEqual([0, expect.objectContaining({ repositories: 1, xorbs: 1, shards: 1 })])
  expect(await run('backup', backup)).toEqual([2, expect.objectContaining({ code: 'BACKUP_FOLDER_BAD' })])
}

test('beside a running server, which goes on serving', async () => {
  await careOfAll(join(scratch, 'backup-1'))
  const audit = await xorbit(hub.folder, ['audit', '--home', hub.home, '--json'])
  for (const action of ['store.gc', 'store.scrub', 'store.backup']) expect(audit.stdout).toContain(`"${action}"`)
  expect(await run('rebuild')).toEqual([18, expect.objectContaining({ code: 'FOLDER_IN_USE' })])
  const reply = await fetch(`${hub.url}/-/v1/care/gc`, { method: 'POST', body: '{}' })
  expect(reply.status).toBe(401)
}, 60_000)

test('without the token of the running server the reason is said', async () => {
  const token = join(hub.home, 'run', 'token')
  await rename(token, `${token}.away`)
  expect(await run('gc')).toEqual([2, expect.objectContaining({ code: 'SERVER_UNREACHABLE' })])
  await rename(`${token}.away`, token)
}, 60_000)

test('on a stopped home; restored elsewhere it serves the same bytes', async () => {
  await hub.stop()
  await careOfAll(join(scratch, 'backup-2'))
  const rebuilt = await run('rebuild')
  expect(rebuilt).toEqual([0, expect.objectContaining({ xorbs: 1, files: 1, repositories: 1, problems: 0 })])
  const other = new HubProcess(join(scratch, 'other'))
  await mkdir(other.folder)
  const args = ['restore', join(scratch, 'backup-1'), '--home', other.home]
  const { code, stdout } = await xorbit(other.folder, args)
  expect([code, stdout]).toEqual([0, expect.stringContaining('1 repositories, 1 xorbs, 1 shards')])
  await other.start()
  const gc = await xorbit(other.folder, ['gc', '--dry-run', '--home', other.home])
  expect([gc.code, gc.stderr]).toEqual([0, ''])
  const headers = { authorization: `Bearer ${hub.adminToken}` }
  const reply = await fetch(`${other.url}/admin/m/resolve/main/w.bin`, { headers })
  expect(Buffer.from(await reply.arrayBuffer()).equals(content)).toBe(true)
  await other.stop()
}, 60_000)

test('what is no home is named, and stays none', async () => {
  for (const verb of ['gc', 'scrub', 'doctor', 'rebuild']) {
    const { code, stderr } = await xorbit(scratch, [verb, '--home', join(scratch, 'nowhere')])
    expect([verb, code, stderr]).toEqual([verb, 2, expect.stringContaining('HOME_MISSING')])
  }
  const { code } = await xorbit(scratch, ['scrub', '--rate', '0', '--home', hub.home])
  expect(code).toBe(2)
}, 60_000)
