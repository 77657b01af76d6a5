/** Group E, for those who pull: disks without room, that lie about what they wrote, or that are two where one was thought. */
import assert from 'node:assert/strict'
import { readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { cleanEnvironment, LAUNCHER, runProgram } from '../../farm/hub-process.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import { ToxicProxy } from '../../farm/toxic-proxy.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { PrivateDisk } from '../private-disk.ts'
import { assertEnded, assertRight, isFileRead, PLAIN, WEIGHT_BYTES, weightsOf } from '../pulls.ts'
import { isXorbRead, namesBelow } from '../spoil.ts'

/** What a slow proxy lets through while something is done to the disk. */
const BYTES_PER_SECOND = 1_500_000
const RESUMED_SHARE_MAX = 0.8

export const SPACE_EXPERIMENTS: Experiments = {
  E1: asksForRoom,
  E2: keepsWhatFits,
  E7: believesNoWrite,
  E23: crossesDisks,
}

/** E1: nothing is fetched for a disk that is too small; what an earlier attempt left counts as there. */
async function asksForRoom(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  const proxy = await LyingProxy.start(lab.hub.url)
  const disk = await PrivateDisk.mount(lab, 'size=5m')
  try {
    for (const env of [{}, PLAIN]) {
      const finished = await disk.pull(weights, join(disk.inner, 'in'), { endpoint: proxy.url, env })
      assertEnded(finished, 10, /"neededBytes":\d+.*"freeBytes":\d+/)
    }
    const read = proxy.exchanges.filter((exchange) => isXorbRead(exchange) || isFileRead(exchange))
    assert.deepEqual(read, [], 'bytes were fetched')
  } finally {
    await disk.end()
    await proxy.close()
  }
}

/** E2: the disk fills up while bytes come; they stay, and with room again only the rest is fetched. */
async function keepsWhatFits(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  for (const env of [{}, PLAIN]) {
    const disk = await PrivateDisk.mount(lab, 'size=24m')
    const proxy = await ToxicProxy.start(lab.hub.url, { bytesPerSecond: BYTES_PER_SECOND })
    const target = join(disk.inner, 'in')
    const filler = join(disk.outer, 'filler')
    const pull = () => disk.pull(weights, target, { endpoint: proxy.url, env })
    try {
      const pulling = pull()
      while (proxy.bytesDown < 0.5 * WEIGHT_BYTES) await systemClock.sleep(20)
      const { bavail, bsize } = await statfs(disk.outer)
      await writeFile(filler, Buffer.alloc(Math.max(bavail * bsize - 64 * 1024, 0))).catch(() => 'it is full')
      assertEnded(await pulling, 10, /"kind":"no-space"/)
      assert.ok(!(await namesBelow(join(disk.outer, 'in'))).includes(weights.path))
      await rm(filler)
      proxy.toxics.bytesPerSecond = 0
      const before = proxy.bytesDown
      assertEnded(await pull(), 0)
      assert.ok((await readFile(join(disk.outer, 'in', weights.path))).equals(weights.content), 'other bytes')
      const moved = proxy.bytesDown - before
      assert.ok(moved < RESUMED_SHARE_MAX * WEIGHT_BYTES, `${moved} bytes came again`)
    } finally {
      await disk.end()
      await proxy.close()
    }
  }
}

/** E7: a write that claims bytes which it did not write. The file is wrong on the disk, and gets no name. */
async function believesNoWrite(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  for (const env of [{}, PLAIN]) {
    const folder = await lab.scratch()
    const target = join(folder, 'in')
    const calls = 'write,writev,pwrite64,pwritev'
    const inject = ['-e', `trace=${calls}`, '-e', `inject=pwrite64:retval=10:when=3`]
    const words = ['strace', '-f', '-qq', '-o', '/dev/null', ...inject, process.execPath, LAUNCHER]
    const pull = ['pull', weights.repo, weights.path, '--local-dir', target, '--json']
    const clean = cleanEnvironment(folder, { HF_ENDPOINT: lab.hub.url, HF_TOKEN: lab.alice, ...env })
    const finished = await runProgram(words[0] as string, [...words.slice(1), ...pull], { env: clean })
    const names = await namesBelow(target)
    // Either it was seen and fetched again, or refused: wrong bytes have no name.
    if (finished.code === 0) await assertRight({ finished, target, folder, seconds: 0 }, weights)
    else {
      assertEnded(finished, 13)
      assert.ok(!names.includes(weights.path))
    }
  }
}

/** E23: a folder of the target is a disk of its own, so that nothing can be renamed into it from beside it. */
async function crossesDisks(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  const disk = await PrivateDisk.mount(lab, 'size=64m')
  try {
    const other = join(disk.inner, 'in')
    const mount = `mkdir -p "$0" && mount -t tmpfs -o size=64m none "$0"`
    const hidden = join(other, '.cache', 'huggingface', 'xorbit-parts')
    assertEnded(await disk.run(['sh', '-c', mount, hidden]), 0)
    for (const env of [{}, PLAIN]) {
      assertEnded(await disk.pull(weights, other, { endpoint: lab.hub.url, env }), 0)
      const found = join(disk.outer, 'in', weights.path)
      assert.ok((await readFile(found)).equals(weights.content), 'other bytes')
      const left = (await namesBelow(join(disk.outer, 'in'))).filter((name) => /\.tmp$|xorbit-parts\//.test(name))
      assert.deepEqual(left, [], 'temporary files are left')
      await rm(found)
      await rm(join(disk.outer, 'in', '.cache', 'huggingface', 'xorbit-proofs.json'))
    }
  } finally {
    await disk.end()
  }
}
