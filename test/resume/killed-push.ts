/** A real `xorbit push` through a proxy that counts, killed when a share of the bytes has gone up, then run again to its end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { systemClock } from '../../src/base/clock.ts'
import { cleanEnvironment, LAUNCHER } from '../farm/hub-process.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'
import { mustEnd, type Stand } from '../interop/stand.ts'
import type { KilledRun } from './killed-pull.ts'

export interface KilledPushOptions {
  readonly repo: string
  /** Holds one large file. */
  readonly folder: string
  readonly file: { readonly path: string; readonly bytes: number; readonly sha256: string }
  readonly share: number
  readonly bytesPerSecond: number
}

const LOOK_MS = 5
const PUSH_MS = 300_000

export async function killPush(stand: Stand, options: KilledPushOptions): Promise<KilledRun> {
  const { repo, folder, file, share, bytesPerSecond } = options
  const home = await stand.scratch()
  const proxy = await ToxicProxy.start(stand.hub.url, { bytesPerSecond })
  try {
    const child = spawn(process.execPath, [LAUNCHER, 'push', repo, folder, '--quiet'], {
      env: cleanEnvironment(home, { HF_ENDPOINT: proxy.url, HF_TOKEN: stand.alice }),
      stdio: 'ignore',
    })
    const ended = once(child, 'exit')
    const until = systemClock.monotonicMs() + PUSH_MS
    while (proxy.bytesUp < share * file.bytes && child.exitCode === null) {
      assert.ok(systemClock.monotonicMs() < until, 'the push stands still')
      await systemClock.sleep(LOOK_MS)
    }
    assert.equal(child.exitCode, null, 'the push ended before it could be killed')
    const killedAt = proxy.bytesUp
    child.kill('SIGKILL')
    await ended
    proxy.toxics.bytesPerSecond = 0
    mustEnd(await stand.xorbit(['push', repo, folder], { endpoint: proxy.url, home }), 'the second push')
    const entry = (await stand.tree(repo)).get(file.path)
    assert.equal(entry?.lfs?.oid, file.sha256, 'the repository holds another file')
    return { moved: proxy.bytesUp, killedAt }
  } finally {
    await proxy.close()
  }
}
