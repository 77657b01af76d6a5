/** Group E4: limits and rights of the system, met by the server and by commands. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { cleanEnvironment, type Finished, LAUNCHER, runInside, runProgram } from '../../farm/hub-process.ts'
import { Injection, SYNCS, WRITES } from '../../farm/injection.ts'
import { forgeShard, forgeXorb, listOf, seededChunks, wholeFile } from '../forge.ts'
import { assertRefused, type Lab, type Published } from '../lab.ts'

const FILE_BYTES_MAX = 1 << 20
const RECOVERY_MS = 3_000

export async function meetsLimits(lab: Lab): Promise<void> {
  const file = await lab.publish(await lab.freshRepo(), 'a.bin', seededChunks(lab.next(), Array(12).fill(131_072)))
  await meetsQuota(lab, file)
  await meetsFileSize(lab, file)
  await meetsReadOnly(lab)
  await meetsDenied(lab, file)
  await meetsFewFiles(lab, file)
}

/** `xorbit pull` into an empty folder, under `before`. */
async function pull(lab: Lab, { repo }: Published, before: (folder: string) => readonly string[]): Promise<Finished> {
  const folder = await lab.scratch()
  const words = [
    ...before(folder),
    process.execPath,
    LAUNCHER,
    'pull',
    repo,
    '--json',
    '--local-dir',
    join(folder, 'in'),
  ]
  const env = cleanEnvironment(folder, { HF_ENDPOINT: lab.hub.url, HF_TOKEN: lab.alice })
  return runProgram(words[0] as string, words.slice(1), { env })
}

function assertExit({ code, stdout, stderr }: Finished, wanted: number, pattern = /"event":"error"/): void {
  assert.equal(code, wanted, `ended with ${code}: ${stdout.slice(-400)}${stderr.slice(-400)}`)
  assert.match(stdout + stderr, pattern)
  assert.doesNotMatch(stdout + stderr, /\n {4}at /, 'a stack trace was shown')
}

/** strace in front of a command; its children and threads see the same. */
function straced(calls: readonly string[], effect: string, paths: readonly string[] = []): string[] {
  const on = paths.flatMap((path) => ['-P', path])
  return ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, ...on, '-e', `inject=${calls}:${effect}`]
}

/** EDQUOT: no space, for the server and for a command. */
async function meetsQuota(lab: Lab, file: Published): Promise<void> {
  const effect = 'error=EDQUOT'
  // Blobs are named by chance while they are written, and sockets are written to as well: their sync tells them apart.
  const ofBlobs = [{ calls: SYNCS, effect }]
  const cas = await lab.cas(file.repo)
  const xorb = forgeXorb(seededChunks(lab.next(), [60_000]))
  const put = () => lab.putXorb(cas, xorb.hash, xorb.body)
  await Injection.during(lab.hub.pid, ofBlobs, () => lab.leavesNothing(async () => assertRefused(await put(), 507)))
  assertRefused(await put(), 200)
  const log = { paths: [join(lab.hub.home, 'catalog.db-wal')] }
  const shard = forgeShard({ files: [wholeFile(xorb)], xorbs: [listOf(xorb)] })
  const ofCatalog = [{ calls: WRITES, effect }]
  await Injection.during(lab.hub.pid, ofCatalog, async () => assertRefused(await lab.putShard(cas, shard), 507), log)
  assertRefused(await lab.putShard(cas, shard), 200)
  assertExit(await pull(lab, file, () => straced(['pwrite64', 'pwritev'], 'error=EDQUOT')), 10, /EDQUOT|space|quota/i)
}

/** EFBIG: too large, with a limit that really holds. */
async function meetsFileSize(lab: Lab, file: Published): Promise<void> {
  const limit = (bytes: number | string) => runProgram('prlimit', ['--pid', String(lab.hub.pid), `--fsize=${bytes}:`])
  // What writes to the catalog comes before: its own files may be larger than the limit.
  const cas = await lab.cas(await lab.freshRepo())
  const xorb = forgeXorb(seededChunks(lab.next(), Array((3 * FILE_BYTES_MAX) >> 16).fill(1 << 16)))
  const put = () => lab.putXorb(cas, xorb.hash, xorb.body)
  assert.equal((await limit(FILE_BYTES_MAX)).code, 0)
  await lab.leavesNothing(async () => assertRefused(await put(), 413)).finally(() => limit('unlimited'))
  assertRefused(await put(), 200)
  assertExit(await pull(lab, file, () => ['prlimit', `--fsize=${FILE_BYTES_MAX}:`]), 19)
}

/** EROFS: the disk turns read-only under the server, then under a command, which names the folder. */
async function meetsReadOnly(lab: Lab): Promise<void> {
  await lab.withAnother({ disk: 'size=64m' }, async (small) => {
    const { home } = small.hub
    const inside = home.slice(home.indexOf('/root/') + '/root'.length)
    const lay = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
    // Over the same disk: no disk turns read-only while its databases are open, unless by itself.
    assert.equal((await runInside(small.hub.pid, ['sh', '-c', lay, inside])).code, 0)
    const cas = await small.cas()
    const xorb = forgeXorb(seededChunks(small.next(), [60_000]))
    assertRefused(await small.putXorb(cas, xorb.hash, xorb.body), [500, 503, 507])
    const read = await small.send('/alice/good/resolve/main/good.txt', { token: small.alice })
    assertRefused(read, 200)
    assertRefused(await small.send('/readyz'), 503)
    const command = [process.execPath, LAUNCHER, 'serve', '--port', '0', '--home', `${inside}/other`, '--json']
    assertExit(await runInside(small.hub.pid, command), 2, new RegExp(`${inside}/other`))
    assert.equal((await runInside(small.hub.pid, ['umount', '-l', inside])).code, 0)
    assertRefused(await small.putXorb(cas, xorb.hash, xorb.body), 200)
    await small.checkSound()
  })
}

/** EACCES: of the store, and of the folder that a command is to write. */
async function meetsDenied(lab: Lab, file: Published): Promise<void> {
  const rule = { calls: ['openat'], effect: 'error=EACCES' }
  const cas = await lab.cas(file.repo)
  const xorb = forgeXorb(seededChunks(lab.next(), [60_000]))
  const put = () => lab.putXorb(cas, xorb.hash, xorb.body)
  const closed = {
    paths: [join(lab.hub.home, 'blobs', 'xorbs', xorb.hash.slice(0, 2)), join(lab.hub.home, 'blobs', 'xorbs')],
  }
  await Injection.during(
    lab.hub.pid,
    [{ ...rule, calls: ['openat', 'mkdir', 'mkdirat', 'rename', 'renameat', 'renameat2'] }],
    // Where the folder was there before, the whole, verified xorb gets its name; that it stays cannot be promised.
    async () => assertRefused(await put(), [500, 507]),
    closed,
  )
  assertRefused(await put(), 200)
  const denied = await pull(lab, file, (folder) => straced(['mkdir', 'mkdirat'], 'error=EACCES', [join(folder, 'in')]))
  assertExit(denied, 2, /\/in/)
}

/** EMFILE: connections take all descriptors; the server sheds load, and serves again when they are gone. */
async function meetsFewFiles(lab: Lab, file: Published): Promise<void> {
  await lab.withAnother({}, async (small) => {
    const { pid, url } = small.hub
    const limit = small.openFiles() + 12
    assert.equal((await runProgram('prlimit', ['--pid', String(pid), `--nofile=${limit}:`])).code, 0)
    const { hostname, port } = new URL(url)
    const sockets: Socket[] = []
    for (let i = 0; i < 64; i++) {
      const socket = connect({ host: hostname, port: Number(port) })
      // Shed by the server: that is what is tried.
      socket.on('error', () => socket.destroy())
      sockets.push(socket)
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    }
    await systemClock.sleep(200)
    assert.ok(small.hub.isRunning, 'the server died of too few descriptors')
    const asked = await small.send('/alice/good/resolve/main/good.txt', { timeoutMs: 3_000 }).then(
      ({ status }) => status,
      () => 'refused',
    )
    assert.ok([200, 503, 'refused'].includes(asked), `answered ${asked}`)
    for (const socket of sockets) socket.destroy()
    await untilServed(small)
    await small.checkSound()
    small.checkSameProcess()
    assertRefused(await small.putXorb(await small.cas(), file.xorb.hash, file.xorb.body), [200, 503])
  })
  assertExit(await pull(lab, file, (folder) => straced(['openat'], 'error=EMFILE', [join(folder, 'in')])), 18)
}

/** Connections are shed until the server has closed those that their clients left. */
async function untilServed(lab: Lab): Promise<void> {
  const end = systemClock.monotonicMs() + RECOVERY_MS
  const isServed = () =>
    lab
      .send('/livez')
      .then(() => true)
      .catch(() => false)
  while (!(await isServed())) {
    assert.ok(systemClock.monotonicMs() < end, 'nobody is served after the connections are gone')
    await systemClock.sleep(20)
  }
}
