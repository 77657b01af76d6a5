/**
 * A real `xorbit pull` through a proxy that counts, killed with SIGKILL when a share of the bytes has come, then run again
 * to its end: what did both fetch, and is the file right?
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { cleanEnvironment, LAUNCHER } from '../farm/hub-process.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'
import { mustEnd, type Stand, sha256Of } from '../interop/stand.ts'

export interface KilledPullOptions {
  readonly repo: string
  /** Path, size and SHA-256 of its one large file. */
  readonly file: { readonly path: string; readonly bytes: number; readonly sha256: string }
  /** Of the file's bytes: when it is killed. */
  readonly share: number
  readonly env?: NodeJS.ProcessEnv
  readonly bytesPerSecond: number
  /** Between the two runs: does something to the folder with the part in it. */
  readonly meanwhile?: (part: string) => Promise<void>
}

export interface KilledRun {
  /** Bytes of both runs on the wire, in the direction that matters; headers and listings included. */
  readonly moved: number
  /** When it was killed. */
  readonly killedAt: number
}

const LOOK_MS = 5
const PULL_MS = 300_000

export async function killPull(stand: Stand, options: KilledPullOptions): Promise<KilledRun> {
  const { repo, file, share, env, bytesPerSecond } = options
  const folder = await stand.scratch()
  const target = join(folder, 'out')
  const proxy = await ToxicProxy.start(stand.hub.url, { bytesPerSecond })
  try {
    const settings = { HF_ENDPOINT: proxy.url, HF_TOKEN: stand.alice, ...env }
    const child = spawn(process.execPath, [LAUNCHER, 'pull', repo, '--local-dir', target, '--quiet'], {
      env: cleanEnvironment(folder, settings),
      stdio: 'ignore',
    })
    const ended = once(child, 'exit')
    const until = systemClock.monotonicMs() + PULL_MS
    while (proxy.bytesDown < share * file.bytes && child.exitCode === null) {
      assert.ok(systemClock.monotonicMs() < until, 'the pull stands still')
      await systemClock.sleep(LOOK_MS)
    }
    assert.equal(child.exitCode, null, 'the pull ended before it could be killed')
    const killedAt = proxy.bytesDown
    child.kill('SIGKILL')
    await ended
    assert.ok(!(await readdir(target)).includes(file.path), 'an unfinished file has its name')
    proxy.toxics.bytesPerSecond = 0
    const parts = join(target, '.cache', 'huggingface', 'xorbit-parts')
    const [part = ''] = await readdir(parts)
    await options.meanwhile?.(join(parts, part))
    mustEnd(
      await stand.xorbit(['pull', repo, '--local-dir', target], {
        endpoint: proxy.url,
        home: folder,
        ...(env === undefined ? {} : { env }),
      }),
      'the second pull',
    )
    assert.equal(await sha256Of(join(target, file.path)), file.sha256, 'the file is wrong')
    assert.deepEqual(await readdir(parts), [], 'a part is left')
    return { moved: proxy.bytesDown, killedAt }
  } finally {
    await proxy.close()
  }
}
