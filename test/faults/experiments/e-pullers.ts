/** Group E, for those who pull: stopped, several at once, with locks that lock nothing, and over files that are damaged. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat, mkdir, open, readdir, readFile, rename, symlink, truncate, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pull } from '../../../src/actions/pull.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { cleanEnvironment, LAUNCHER } from '../../farm/hub-process.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import { ToxicProxy } from '../../farm/toxic-proxy.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import { buildOddDisk, type OddDisk } from '../odd-disk.ts'
import {
  assertEnded,
  assertRight,
  isFileRead,
  onePart,
  PLAIN,
  partsIn,
  publishWeights,
  pullWeights,
  WEIGHT_BYTES,
  weightsOf,
} from '../pulls.ts'
import { isXorbRead, namesBelow } from '../spoil.ts'

const SLOW_BYTES_PER_SECOND = 1_000_000
const AT_ONCE_MS = 1500
const PULLERS = 50

export const PULLER_EXPERIMENTS: Experiments = {
  E11: endsWhenTold,
  E14: (lab) => pullsTogether(lab, null),
  E15: fetchesOnce,
  async E16(lab) {
    return pullsTogether(lab, await buildOddDisk(lab, 'loose'))
  },
  E17: takesOnlyWhatIsLeft,
  E20: healsCache,
  E25: keepsNamesApart,
  F15: crossesNoLink,
}

/** A pull through a slow proxy that has come to half of the file. */
async function startSlowly(lab: Lab, env: NodeJS.ProcessEnv = {}) {
  const weights = await weightsOf(lab)
  const folder = await lab.scratch()
  const target = join(folder, 'in')
  const proxy = await ToxicProxy.start(lab.hub.url, { bytesPerSecond: SLOW_BYTES_PER_SECOND })
  const clean = cleanEnvironment(folder, { HF_ENDPOINT: proxy.url, HF_TOKEN: lab.alice, ...env })
  const words = [LAUNCHER, 'pull', weights.repo, weights.path, '--local-dir', target, '--json']
  const child = spawn(process.execPath, words, { env: clean, stdio: 'ignore' })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  while (proxy.bytesDown < 0.4 * WEIGHT_BYTES && child.exitCode === null) await systemClock.sleep(10)
  assert.equal(child.exitCode, null, 'it ended before it could be stopped')
  return { weights, folder, target, proxy, child, ended }
}

/** E11: the first signal ends it in good order, the second at once; the part stays for the next pull. */
async function endsWhenTold(lab: Lab): Promise<string> {
  const times: number[] = []
  for (const [signals, env] of [
    [1, {}],
    [1, PLAIN],
    [2, {}],
  ] as const) {
    const { weights, folder, target, proxy, child, ended } = await startSlowly(lab, env)
    try {
      const started = systemClock.monotonicMs()
      for (let i = 0; i < signals; i++) child.kill('SIGINT')
      assert.equal(await ended, 130)
      times.push(systemClock.monotonicMs() - started)
      assert.ok((times.at(-1) as number) < AT_ONCE_MS * 4, `took ${times.at(-1)} ms`)
      assert.ok(!(await namesBelow(target)).includes(weights.path))
      const part = await onePart(target)
      // Told twice it has no time to say that nobody works on it any more: its pid does.
      if (signals === 1) assert.match(part, /\.nobody\.[0-9a-f]+$/)
      proxy.toxics.bytesPerSecond = 0
      const before = proxy.bytesDown
      await assertRight(await pullWeights(lab, weights, { endpoint: proxy.url, folder, env }), weights)
      assert.ok(proxy.bytesDown - before < 0.9 * WEIGHT_BYTES, 'what was kept was not used')
    } finally {
      await proxy.close()
    }
  }
  return `ended after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`
}

/** E14, E16: two commands into one folder and into one cache; each ends well, and one is killed while the other goes on. */
async function pullsTogether(lab: Lab, odd: OddDisk | null): Promise<string> {
  const weights = await weightsOf(lab)
  const env = odd?.env ?? {}
  const proxy = await ToxicProxy.start(lab.hub.url, { bytesPerSecond: 4 * SLOW_BYTES_PER_SECOND })
  const moved: string[] = []
  try {
    for (const place of ['--local-dir', '--cache-dir']) {
      const folder = await lab.scratch()
      const target = join(folder, 'in')
      const args = ['pull', weights.repo, weights.path, place, target, '--json']
      const before = proxy.bytesDown
      const both = await Promise.all(
        [1, 2].map(() => pullWeights(lab, weights, { endpoint: proxy.url, folder, args, env })),
      )
      for (const { finished } of both) assertEnded(finished, 0)
      await assertHolds(target, weights.content)
      moved.push(((proxy.bytesDown - before) / WEIGHT_BYTES).toFixed(2))
    }
    await killsOneOfTwo(lab, env)
    return `together moved ${moved.join(' and ')} of the file's bytes`
  } finally {
    await proxy.close()
  }
}

/** One of two is killed: the other one ends well, and a third finds nothing that hinders it. */
async function killsOneOfTwo(lab: Lab, env: NodeJS.ProcessEnv): Promise<void> {
  const { weights, folder, target, proxy, child, ended } = await startSlowly(lab, env)
  try {
    const other = pullWeights(lab, weights, { folder, env })
    await systemClock.sleep(300)
    child.kill('SIGKILL')
    await ended
    assertEnded((await other).finished, 0)
    await assertHolds(target, weights.content)
    proxy.toxics.bytesPerSecond = 0
    assertEnded((await pullWeights(lab, weights, { folder, env })).finished, 0)
    await assertHolds(target, weights.content)
  } finally {
    await proxy.close()
  }
}

/** Every file of the weights' size below a folder holds them, and there is one. */
async function assertHolds(target: string, content: Buffer): Promise<void> {
  let found = 0
  for (const name of await namesBelow(target)) {
    const path = join(target, name)
    if (!(await lstat(path)).isFile() || name.includes('xorbit-parts')) continue
    assert.doesNotMatch(name, /\.(incomplete|tmp|link)$/)
    const bytes = await readFile(path)
    if (bytes.length !== content.length) continue
    assert.ok(bytes.equals(content), `${name} differs`)
    found++
  }
  assert.ok(found >= 1, 'the file is not there')
}

/** E15: fifty pulls of one process want one file: its bytes are fetched once. */
async function fetchesOnce(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  const proxy = await LyingProxy.start(lab.hub.url)
  try {
    const folder = await lab.scratch()
    const env = { HOME: folder, XORBIT_HOME: join(folder, 'none') }
    const options = { ref: weights.repo, files: [weights.path], endpoint: proxy.url, token: lab.alice, env }
    const pulls = Array.from({ length: PULLERS }, () => pull({ ...options, cacheDir: join(folder, 'cache') }))
    for (const { snapshot } of await Promise.all(pulls)) {
      assert.ok((await readFile(join(snapshot, weights.path))).equals(weights.content))
    }
    const reads = proxy.exchanges.filter((exchange) => isXorbRead(exchange) || isFileRead(exchange))
    const bytes = reads.reduce((sum, one) => sum + one.bytes, 0)
    assert.ok(bytes < 1.1 * WEIGHT_BYTES, `${(bytes / WEIGHT_BYTES).toFixed(1)} times its bytes were fetched`)
  } finally {
    await proxy.close()
  }
}

/** E17: the part of a process that is gone is taken over, whoever has its number now; that of another machine is left alone. */
async function takesOnlyWhatIsLeft(lab: Lab): Promise<void> {
  const own = await readFile('/proc/self/stat', 'utf8')
  const start = own.slice(own.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  const owners: Readonly<Record<string, (owner: string) => string>> = {
    'dead pid': (owner) => owner,
    'pid reused': (owner) => owner.replace(/-\d+-\d+$/, `-${process.pid}-${Number(start) - 1}`),
    'other machine': (owner) => owner.replace(/^[0-9a-f]+/, '00c0ffee'),
  }
  for (const [name, change] of Object.entries(owners)) {
    const { weights, folder, target, proxy, child, ended } = await startSlowly(lab)
    try {
      child.kill('SIGKILL')
      await ended
      const part = await onePart(target)
      const [content = '', owner = '', random = ''] = part.slice(part.lastIndexOf('/') + 1).split('.')
      const theirs = join(dirname(part), [content, change(owner), random].join('.'))
      await rename(part, theirs)
      proxy.toxics.bytesPerSecond = 0
      const before = proxy.bytesDown
      const again = await pullWeights(lab, weights, { endpoint: proxy.url, folder })
      assertEnded(again.finished, 0)
      await assertHolds(target, weights.content)
      const moved = proxy.bytesDown - before
      if (name === 'other machine') {
        assert.ok(moved > WEIGHT_BYTES, 'it took what another machine works on')
        assert.deepEqual(await partsIn(target), [theirs.slice(theirs.lastIndexOf('/') + 1)])
      } else {
        assert.ok(moved < 0.9 * WEIGHT_BYTES, `${name}: ${moved} bytes came again`)
        assert.deepEqual(await partsIn(target), [])
      }
    } finally {
      await proxy.close()
    }
  }
}

/** E20: a cached file that is damaged, with its times as they were, is found and fetched again. */
async function healsCache(lab: Lab): Promise<void> {
  const weights = await weightsOf(lab)
  const folder = await lab.scratch()
  const cache = join(folder, 'cache')
  const args = ['pull', weights.repo, weights.path, '--cache-dir', cache, '--json']
  const again = () => pullWeights(lab, weights, { folder, args })
  assertEnded((await again()).finished, 0)
  const snapshots = join(cache, `models--${weights.repo.replace('/', '--')}`, 'snapshots')
  const [commit = ''] = await readdir(snapshots)
  const path = join(snapshots, commit, weights.path)
  const harms: (() => Promise<void>)[] = [
    () => flipBit(path),
    () => truncate(path, WEIGHT_BYTES / 2),
    () => truncate(path, 0),
  ]
  for (const harm of harms) {
    const { mtime, atime } = await lstat(path)
    await harm()
    await utimes(path, atime, mtime)
    const { finished } = await again()
    assertEnded(finished, 0)
    assert.ok((await readFile(path)).equals(weights.content), 'damaged bytes were left')
    await assertHolds(cache, weights.content)
  }
}

async function flipBit(path: string): Promise<void> {
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, 1_234_567)
  byte[0] = (byte[0] as number) ^ 1
  await file.write(byte, 0, 1, 1_234_567)
  await file.close()
}

/** E25: two names that such a disk takes for one are refused, both told, before a byte is written. */
async function keepsNamesApart(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const { path } = await publishWeights(lab, repo)
  await lab.commitText(repo, { 'notes/Readme.txt': 'one', 'notes/README.txt': 'two', 'Notes/other.txt': 'three' })
  const odd = await buildOddDisk(lab, 'fold')
  for (const [place, more, exit] of [
    ['--local-dir', [], 2],
    ['--cache-dir', [], 2],
    ['--local-dir', ['--exclude', 'notes/README.txt'], 0],
  ] as const) {
    const target = join(odd.root, String(lab.next()))
    const args = ['pull', repo, place, target, '--json', ...more]
    const finished = await lab.run(args, { folder: odd.root, env: odd.env })
    if (exit === 0) {
      assertEnded(finished, 0)
      assert.equal(await readFile(join(target, 'notes', 'readme.txt'), 'utf8'), 'one')
    } else {
      assertEnded(finished, 2, /Readme\.txt.*README\.txt|README\.txt.*Readme\.txt/)
      const names = await namesBelow(target)
      assert.ok(!names.some((name) => /readme|\.bin/i.test(name)), `written: ${names}`)
    }
  }
  const apart = join(await lab.scratch(), 'in')
  assertEnded(await lab.run(['pull', repo, '--local-dir', apart, '--json']), 0)
  assert.equal(await readFile(join(apart, 'notes', 'README.txt'), 'utf8'), 'two')
  assert.ok((await namesBelow(apart)).includes(path))
}

/** F15: a folder of the snapshot that leads elsewhere is not written through, nor read. */
async function crossesNoLink(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await publishWeights(lab, repo, 'sub/weights.bin')
  await lab.commitText(repo, { 'sub/deep/note.txt': 'note' })
  const treasure = join(await lab.scratch(), 'treasure')
  await mkdir(treasure)
  for (const link of ['sub', 'sub/deep', '.cache/huggingface/download/sub']) {
    const target = join(await lab.scratch(), 'in')
    await mkdir(join(target, dirname(link)), { recursive: true })
    await symlink(treasure, join(target, link))
    const finished = await lab.run(['pull', repo, '--local-dir', target, '--json'])
    assertEnded(finished, 19, /PATH_CROSSES_LINK/)
    assert.deepEqual(await readdir(treasure), [], `written through ${link}`)
  }
  const cache = join(await lab.scratch(), 'cache')
  const args = ['pull', repo, '--cache-dir', cache, '--json']
  assertEnded(await lab.run(args), 0)
  const snapshots = join(cache, `models--${repo.replace('/', '--')}`, 'snapshots')
  const [commit = ''] = await readdir(snapshots)
  await rename(join(snapshots, commit, 'sub'), join(snapshots, commit, 'was'))
  await symlink(treasure, join(snapshots, commit, 'sub'))
  assertEnded(await lab.run(args), 19, /PATH_CROSSES_LINK/)
  assert.deepEqual(await readdir(treasure), [])
}
