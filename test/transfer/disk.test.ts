/** Real disks that are too small, or become full while a real `xorbit pull` writes to them: a tmpfs of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { push } from '../../src/actions/push.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { systemCode } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { noise } from '../farm/fake-hub.ts'
import { type Finished, LAUNCHER, runInside } from '../farm/hub-process.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'

const MB = 1_000_000
const FILE_BYTES = 30 * MB
const LARGE = noise(FILE_BYTES)
const WAIT_MS = 60_000

let folder: string
let server: RunningServer
let proxy: ToxicProxy
let token: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-disk-'))
  const home = join(folder, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
  await mkdir(join(folder, 'in'))
  await writeFile(join(folder, 'in', 'large.bin'), LARGE)
  await push({ env: { HOME: folder, XORBIT_HOME: home }, repo: 'ann/disk', paths: [join(folder, 'in')] })
  token = (await readFile(join(home, 'run', 'token'), 'utf8')).trim()
  proxy = await ToxicProxy.start(server.url)
})
afterAll(async () => {
  await proxy.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

/** A disk that lives as long as the process that holds it. */
class SmallDisk {
  readonly #holder: ChildProcess
  readonly #place: string

  private constructor(holder: ChildProcess, place: string) {
    this.#holder = holder
    this.#place = place
  }

  static async open(name: string, options: string): Promise<SmallDisk> {
    const place = join(folder, name)
    await mkdir(place)
    const script = 'mount -t tmpfs -o "$1" none "$0" && echo ready && exec sleep 600'
    const words = ['--map-root-user', '--mount', 'sh', '-c', script, place, options]
    const holder = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    return new SmallDisk(holder, place)
  }

  /** Where its files are for us. */
  get root(): string {
    return `/proc/${this.#holder.pid}/root${this.#place}`
  }

  pull(): Promise<Finished> {
    const env = [`HOME=${this.#place}`, `HF_ENDPOINT=${proxy.url}`, `HF_TOKEN=${token}`]
    const target = join(this.#place, 'out')
    const pull = [process.execPath, LAUNCHER, 'pull', 'ann/disk', '--local-dir', target, '--json']
    return runInside(this.#holder.pid as number, ['env', ...env, ...pull])
  }

  /** Leaves no room. */
  async fill(): Promise<void> {
    for (let number = 0; ; number++) {
      try {
        await writeFile(join(this.root, `filler-${number}`), Buffer.alloc(MB))
      } catch (error) {
        if (systemCode(error) !== 'ENOSPC') throw error
        return
      }
    }
  }

  async empty(): Promise<void> {
    for (const name of await readdir(this.root)) if (name.startsWith('filler')) await rm(join(this.root, name))
  }

  /** Bytes that broken attempts have left. */
  async held(): Promise<number> {
    const parts = join(this.root, 'out', '.cache', 'huggingface', 'xorbit-parts')
    const names = await readdir(parts).catch(() => [])
    const sizes = names.map(
      async (name) => 512 * (await stat(join(parts, name, 'data')).catch(() => ({ blocks: 0 }))).blocks,
    )
    return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
  }

  async close(): Promise<void> {
    this.#holder.kill()
    await once(this.#holder, 'exit')
  }
}

function lastEvent({ stdout }: Finished) {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}')
}

test('E1 a disk that is too small is refused before a byte comes, with what is missing', async () => {
  const disk = await SmallDisk.open('small', 'size=24m')
  try {
    const before = proxy.bytesDown
    const ended = await disk.pull()
    expect(ended.code).toBe(10)
    const { code, data, message } = lastEvent(ended)
    expect([code, data.neededBytes > FILE_BYTES, data.freeBytes < 25_165_824]).toEqual(['DISK_TOO_SMALL', true, true])
    expect(message).toMatch(/\d+\.\d MB are needed, \d+\.\d MB are free: make room for/)
    expect(proxy.bytesDown - before).toBeLessThan(100_000)
  } finally {
    await disk.close()
  }
})

test('E2 a disk that becomes full ends the pull with 10; what came is kept, counted and gone on from', async () => {
  const disk = await SmallDisk.open('full', 'size=42m')
  try {
    proxy.toxics.bytesPerSecond = 6 * MB
    const pulling = disk.pull()
    const until = systemClock.monotonicMs() + WAIT_MS
    while ((await disk.held()) < 8 * MB && systemClock.monotonicMs() < until) await systemClock.sleep(20)
    await disk.fill()
    const ended = await pulling
    expect([ended.code, lastEvent(ended).code]).toEqual([10, 'DISK_FULL'])
    expect(await readdir(join(disk.root, 'out'))).not.toContain('large.bin')
    const held = await disk.held()
    expect(held).toBeGreaterThan(8 * MB)

    proxy.toxics.bytesPerSecond = 0
    const full = await disk.pull()
    expect([full.code, lastEvent(full).code]).toEqual([10, 'DISK_FULL'])
    await rm(join(disk.root, 'filler-0'))
    const refused = await disk.pull()
    expect([refused.code, lastEvent(refused).code]).toEqual([10, 'DISK_TOO_SMALL'])
    expect(lastEvent(refused).data.neededBytes).toBeLessThan(FILE_BYTES - held + 5 * MB)

    await disk.empty()
    const before = proxy.bytesDown
    const again = await disk.pull()
    expect([again.code, lastEvent(again).event]).toEqual([0, 'done'])
    expect(LARGE.equals(await readFile(join(disk.root, 'out', 'large.bin')))).toBe(true)
    expect(proxy.bytesDown - before).toBeLessThan(FILE_BYTES - held / 2)
  } finally {
    proxy.toxics.bytesPerSecond = 0
    await disk.close()
  }
})

test('E28 a disk that can make no more files is told before a byte comes', async () => {
  const disk = await SmallDisk.open('inodes', 'size=64m,nr_inodes=40')
  try {
    for (let number = 0; ; number++) {
      const made = await writeFile(join(disk.root, `filler-${number}`), '').then(
        () => true,
        (error: unknown) => systemCode(error) !== 'ENOSPC',
      )
      if (!made) break
    }
    const ended = await disk.pull()
    expect([ended.code, lastEvent(ended).kind]).toEqual([10, 'no-space'])
  } finally {
    await disk.close()
  }
})
