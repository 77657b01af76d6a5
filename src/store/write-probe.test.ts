import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { WriteProbe } from './write-probe.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'write-probe-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('a disk that takes the write is fine, one that does not says why', async () => {
  expect(await new WriteProbe(join(folder, 'probe'), new ManualClock()).failure()).toEqual([])
  const missing = new WriteProbe(join(folder, 'no', 'probe'), new ManualClock())
  expect(await missing.failure()).toEqual([expect.stringContaining('ENOENT')])
})

test('a disk that does not answer fails in seconds, is asked once, and is fine again when it has answered', async () => {
  const clock = new ManualClock()
  const path = join(folder, 'stuck')
  // A pipe without a reader holds up whoever opens it for writing.
  execFileSync('mkfifo', [path])
  const probe = new WriteProbe(path, clock)
  for (let i = 0; i < 3; i++) {
    const failure = probe.failure()
    clock.advance(2)
    expect(await failure).toEqual([expect.stringContaining('not answered')])
  }
  const reader = await open(path, 'r')
  clock.advance(6)
  // The pipe takes the bytes and refuses to sync them: an answer all the same.
  expect(await probe.failure()).toEqual([expect.stringContaining('EINVAL')])
  await reader.close()
})
