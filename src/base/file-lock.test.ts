/** Beside the system's own `flock`, which is another process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { lockFile } from './file-lock.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-lock-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Another process that holds the lock until its input ends. */
async function holder(path: string): Promise<ChildProcess> {
  const child = spawn('flock', ['-x', path, 'sh', '-c', 'echo held; read line'], { stdio: ['pipe', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  return child
}

test('one at a time, among processes, and free again after a release', async () => {
  const path = join(folder, 'a.lock')
  const other = await holder(path)
  expect(await lockFile(path)).toBe('held')
  const waiting = lockFile(path, { waitMs: 20_000 })
  other.stdin?.end()
  const lock = await waiting
  if (typeof lock === 'string') throw new Error(lock)
  expect(await lockFile(path)).toBe('held')
  const probe = spawn('flock', ['-n', path, 'true'])
  expect(await once(probe, 'close')).toEqual([1, null])
  await lock.release()
  const again = await lockFile(path)
  expect(again).toHaveProperty('release')
  if (typeof again !== 'string') await again.release()
})

test('a wait ends with its signal, and leaves the lock to who has it', async () => {
  const path = join(folder, 'b.lock')
  const other = await holder(path)
  const stop = new AbortController()
  const waiting = lockFile(path, { waitMs: 20_000, signal: stop.signal })
  setTimeout(() => stop.abort(new Error('Ctrl-C')), 100)
  const begun = performance.now()
  await expect(waiting).rejects.toThrow()
  expect(performance.now() - begun).toBeLessThan(5_000)
  expect(await lockFile(path)).toBe('held')
  other.stdin?.end()
})

test('follows no planted link, and makes nothing when it may not', async () => {
  await writeFile(join(folder, 'target'), 'precious')
  await symlink(join(folder, 'target'), join(folder, 'planted.lock'))
  expect(await lockFile(join(folder, 'planted.lock'))).toBe('unavailable')
  expect(await lockFile(join(folder, 'none.lock'), { create: false })).toBe('unavailable')
})

test('no program is started for a lock', async () => {
  vi.stubEnv('PATH', join(folder, 'nothing-here'))
  const path = join(folder, 'c.lock')
  const lock = await lockFile(path)
  if (typeof lock === 'string') throw new Error(lock)
  expect(await lockFile(path)).toBe('held')
  await lock.release()
  expect(await lockFile(path)).toHaveProperty('release')
  vi.unstubAllEnvs()
})
