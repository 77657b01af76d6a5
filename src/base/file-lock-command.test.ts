/** Without the package that calls flock(2): by the system's command. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { lockFile } from './file-lock.ts'

vi.mock('./flock.ts', () => ({ tryFlock: () => Promise.resolve(null) }))

test('one at a time, free again after a release, and none where there is no such command', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xorbit-lock-'))
  try {
    const path = join(folder, 'a.lock')
    const lock = await lockFile(path)
    if (typeof lock === 'string') throw new Error(lock)
    expect(await lockFile(path)).toBe('held')
    await lock.release()
    const again = await lockFile(path, { waitMs: 1000 })
    expect(again).toHaveProperty('release')
    vi.stubEnv('PATH', join(folder, 'nothing-here'))
    expect(await lockFile(path)).toBe('unavailable')
    if (typeof again !== 'string') await again.release()
  } finally {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  }
})
