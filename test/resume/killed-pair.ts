/**
 * Two pulls of one file into one cache at the same time, of which the first is killed when a share of the bytes has come.
 * The other one must end well, a third finds all there, and what the killed one left is not mistaken for anything.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { cleanEnvironment, LAUNCHER } from '../farm/hub-process.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'
import { mustEnd, type Stand, sha256Of } from '../interop/stand.ts'
import type { KilledPullOptions, KilledRun } from './killed-pull.ts'

const LOOK_MS = 5
const PULL_MS = 300_000

export async function killOneOfTwo(stand: Stand, options: KilledPullOptions): Promise<KilledRun> {
  const { repo, file, share, env = {}, bytesPerSecond } = options
  const folder = await stand.scratch()
  const cache = join(folder, 'cache')
  const proxy = await ToxicProxy.start(stand.hub.url, { bytesPerSecond })
  const args = ['pull', repo, '--cache-dir', cache]
  const pull = () => stand.xorbit(args, { endpoint: proxy.url, home: folder, env })
  try {
    const settings = { HF_ENDPOINT: proxy.url, HF_TOKEN: stand.alice, ...env }
    const doomed = spawn(process.execPath, [LAUNCHER, ...args, '--quiet'], {
      env: cleanEnvironment(folder, settings),
      stdio: 'ignore',
    })
    const ended = once(doomed, 'exit')
    const other = pull()
    const until = systemClock.monotonicMs() + PULL_MS
    // Both fetch all of it: neither waits for the other.
    while (proxy.bytesDown < 2 * share * file.bytes && doomed.exitCode === null) {
      assert.ok(systemClock.monotonicMs() < until, 'the pulls stand still')
      await systemClock.sleep(LOOK_MS)
    }
    const killedAt = proxy.bytesDown / 2
    doomed.kill('SIGKILL')
    await ended
    proxy.toxics.bytesPerSecond = 0
    mustEnd(await other, 'the other pull')
    const moved = proxy.bytesDown
    mustEnd(await pull(), 'a third pull')
    assert.ok(proxy.bytesDown - moved < 0.01 * file.bytes, 'a third pull fetched it again')
    await assertRight(cache, file)
    return { moved, killedAt }
  } finally {
    await proxy.close()
  }
}

/** The cache holds one whole file, and it is right. */
async function assertRight(cache: string, file: KilledPullOptions['file']): Promise<void> {
  let whole = 0
  for (const name of await readdir(cache, { recursive: true })) {
    const path = join(cache, name)
    const stats = await lstat(path)
    if (!stats.isFile() || stats.size !== file.bytes || name.includes('xorbit-parts')) continue
    assert.equal(await sha256Of(path), file.sha256, `${name} is wrong`)
    whole++
  }
  assert.equal(whole, 1, 'another number of whole files')
}
