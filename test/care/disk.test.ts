/** A disk that is full, read-only or closed to us, under a real server (faults E3, E4, G24). Needs the right to mount. */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HubProcess, xorbit } from '../farm/hub-process.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-disk-'))
const disk = join(scratch, 'disk')
const ballast = join(disk, 'ballast')
await mkdir(disk)

function mayMount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk], { stdio: 'pipe' })
    return true
  } catch (error) {
    if ((error as { status?: unknown }).status === undefined && (error as { code?: unknown }).code !== 'ENOENT')
      throw error
    return false
  }
}

const isMounted = process.platform === 'linux' && process.getuid?.() === 0 && mayMount()
afterAll(async () => {
  if (isMounted) execFileSync('umount', ['-l', disk])
  await rm(scratch, { recursive: true, force: true })
})

/** Takes what room there is. */
function fill(): void {
  const file = openSync(ballast, 'a')
  try {
    for (let size = 1 << 20; size >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(size, 1))
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'ENOSPC') throw error
        size >>= 1
      }
    }
  } finally {
    closeSync(file)
  }
}

const hub = new HubProcess(join(scratch, 'hub'))
const contents = new Map<string, Buffer>()
const ask = async (path: string, method = 'GET', body?: string | Buffer, headers: Record<string, string> = {}) => {
  const authorization = `Bearer ${hub.adminToken}`
  const init = {
    method,
    headers: { authorization, ...headers },
    ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
  }
  const reply = await fetch(path.startsWith('http') ? path : hub.url + path, init)
  const bytes = Buffer.from(await reply.arrayBuffer())
  return { status: reply.status, bytes, text: bytes.toString('utf8') }
}
const post = (path: string, value: unknown, method = 'POST') =>
  ask(path, method, JSON.stringify(value), { 'content-type': 'application/json' })

async function upload(repo: string, content: Buffer): Promise<{ status: number; line: string; text: string }> {
  const oid = createHash('sha256').update(content).digest('hex')
  const objects = [{ oid, size: content.length }]
  const batch = { operation: 'upload', transfers: ['basic'], objects, hash_algo: 'sha256' }
  const answer = await post(`/${repo}.git/info/lfs/objects/batch`, batch)
  const line = JSON.stringify({ key: 'lfsFile', value: { path: 'f.bin', algo: 'sha256', oid, size: content.length } })
  if (answer.status !== 200) return { status: answer.status, line, text: answer.text }
  const { actions } = JSON.parse(answer.text).objects[0]
  if (actions === undefined) return { status: 200, line, text: '' }
  const { status, text } = await ask(actions.upload.href, 'PUT', content)
  return { status, line, text }
}

async function push(repo: string, content: Buffer): Promise<number> {
  const { status, line } = await upload(repo, content)
  if (status !== 200) return status
  const header = JSON.stringify({ key: 'header', value: { summary: 'x', description: '' } })
  const done = await ask(`/api/models/${repo}/commit/main`, 'POST', `${header}\n${line}\n`, {
    'content-type': 'application/x-ndjson',
  })
  if (done.status === 200) contents.set(repo, content)
  return done.status
}

async function expectAll(): Promise<void> {
  for (const [repo, content] of contents) {
    const { status, bytes } = await ask(`/${repo}/resolve/main/f.bin`)
    expect([repo, status, bytes.equals(content)]).toEqual([repo, 200, true])
  }
}

describe.skipIf(!isMounted)('a home on a disk of 16 MiB', () => {
  beforeAll(async () => {
    await mkdir(join(scratch, 'hub'))
    await mkdir(join(disk, 'home'))
    // Only the home lies on the small disk: not the logs of the test.
    await symlink(join(disk, 'home'), hub.home)
    await hub.start()
  }, 60_000)
  afterAll(() => hub.stop())

  test('a full disk refuses uploads with 507, serves reads, can be cleaned, and goes on', async () => {
    for (const name of ['kept', 'big', 'new'])
      expect((await post('/api/repos/create', { name, type: 'model' })).status).toBe(200)
    expect(await push('admin/kept', randomBytes(200_000))).toBe(200)
    expect(await push('admin/big', randomBytes(4_000_000))).toBe(200)
    const gone = { name: 'big', organization: 'admin', type: 'model' }
    expect((await post('/api/repos/delete', gone, 'DELETE')).status).toBe(200)
    contents.delete('admin/big')
    expect((await ask('/readyz')).status).toBe(200)

    fill()
    const refused = await upload('admin/new', randomBytes(1_000_000))
    expect([refused.status, refused.text]).toEqual([507, expect.stringMatching(/space/i)])
    expect((await post('/api/repos/create', { name: 'more', type: 'model' })).status).toBe(507)
    const ready = await ask('/readyz')
    expect([ready.status, ready.text]).toEqual([503, expect.stringContaining('the disk is full')])
    await expectAll()

    const cleaned = await xorbit(hub.folder, ['gc', '--now', '--home', hub.home, '--json'])
    expect([cleaned.code, cleaned.stderr]).toEqual([0, ''])
    const report = JSON.parse(cleaned.stdout.trim().split('\n').at(-1) as string)
    expect(report).toMatchObject({ event: 'done', files: 1 })
    expect(report.freedBytes).toBeGreaterThan(4_000_000)
    expect((await ask('/readyz')).status).toBe(200)
    expect(await push('admin/new', randomBytes(1_000_000))).toBe(200)
    await expectAll()
  }, 120_000)

  test('a server starts on a full disk, and is cleaned by a stopped gc too', async () => {
    const gone = { name: 'new', organization: 'admin', type: 'model' }
    expect((await post('/api/repos/delete', gone, 'DELETE')).status).toBe(200)
    contents.delete('admin/new')
    await hub.stop()
    fill()
    const cleaned = await xorbit(hub.folder, ['gc', '--now', '--home', hub.home, '--json'])
    expect([cleaned.code, cleaned.stdout]).toEqual([0, expect.stringContaining('"files":1')])
    fill()
    await hub.start()
    await expectAll()
    await rm(ballast)
    const doctor = await xorbit(hub.folder, ['doctor', '--home', hub.home])
    expect([doctor.code, doctor.stderr]).toEqual([0, ''])
  }, 120_000)

  test('too few open files: what needs one is refused as busy, and all goes on when there are enough', async () => {
    const limit = (count: number | string) => execFileSync('prlimit', ['--pid', String(hub.pid), `--nofile=${count}:`])
    const open = (await readdir(`/proc/${hub.pid}/fd`)).length
    limit(open + 4)
    const answers = await Promise.allSettled(
      Array.from({ length: 16 }, () => upload('admin/kept', randomBytes(100_000))),
    )
    limit(1024)
    const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 'cut'))
    expect(statuses.filter((status) => ![200, 503, 'cut'].includes(status))).toEqual([])
    expect(statuses.some((status) => status !== 200)).toBe(true)
    expect(await push('admin/kept', randomBytes(100_000))).toBe(200)
    await expectAll()
  }, 120_000)

  test('a read-only disk is refused with its reason; writable again, all is there', async () => {
    await hub.stop()
    execFileSync('mount', ['-o', 'remount,ro', disk])
    try {
      await expect(hub.start()).rejects.toThrow(/read-only|readonly/)
      const gc = await xorbit(hub.folder, ['gc', '--home', hub.home, '--json'])
      expect([gc.code, gc.stdout]).toEqual([2, expect.stringMatching(/read-only|readonly/)])
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk])
    }
    await hub.start()
    expect(await push('admin/kept', randomBytes(100_000))).toBe(200)
    await expectAll()
  }, 120_000)
})
