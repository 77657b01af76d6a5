/**
 * Groups E8, E9 and M10: the server dies at a system call that changes the disk, or the power goes there. After each
 * restart all that was acknowledged is there and right, git finds nothing wrong, and the next push works. The calls are
 * found by a trace of the same push; some of them, spread over it, are tried here.
 */
import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { checkRepo } from '../../farm/check-repo.ts'
import { runProgram } from '../../farm/hub-process.ts'
import { CHANGES, Injection } from '../../farm/injection.ts'
import type { Experiments } from '../experiment.ts'
import { forgeShard, forgeXorb, listOf, seededChunks, wholeFile } from '../forge.ts'
import { assertRefused, fileLine, type Lab } from '../lab.ts'

const POINTS = { kill: 6, commit: 5, power: 4 }
/** One thread for files: then the calls come in the same order each time. */
const ENV = { UV_THREADPOOL_SIZE: '1' }

export const CRASH_EXPERIMENTS: Experiments = {
  E8: (lab) =>
    lab.withAnother({ env: ENV }, (own) =>
      crashAt(own, {
        count: POINTS.kill,
        isMeant: (line) => line.includes(own.hub.home),
        after: async () => undefined,
      }),
    ),
  E9: cutsPower,
  M10: (lab) =>
    lab.withAnother({ env: ENV }, (own) =>
      crashAt(own, { count: POINTS.commit, isMeant: (line) => line.includes('.git/'), after: async () => undefined }),
    ),
}

interface CrashPlan {
  readonly count: number
  /** Which lines of the trace are worth a crash. */
  isMeant(line: string): boolean
  /** When the server is dead, before it is started again. */
  after(): Promise<void>
}

interface Journal {
  readonly repo: string
  /** Xorbs and commits that were answered with 200. */
  readonly xorbs: string[]
  readonly files: Map<string, Buffer>
}

async function crashAt(lab: Lab, { count, isMeant, after }: CrashPlan): Promise<string> {
  const journal: Journal = { repo: await lab.freshRepo(), xorbs: [], files: new Map() }
  await push(lab, journal)
  const log = join(await lab.scratch(), 'trace')
  const tracing = await Injection.begin(lab.hub.pid, [{ calls: CHANGES, effect: '' }], { log })
  await push(lab, journal)
  const points = pointsOf(await tracing.end(), isMeant)
  assert.ok(points.length >= count, `a push made only ${points.length} changes`)
  const seed = randomInt(1 << 20)
  let cuts = 0
  for (let i = 0; i < count; i++) {
    const { call, nth } = points[Math.floor(((i + (seed % 97) / 97) * points.length) / count)] as CrashPoint
    const effect = `signal=SIGKILL:when=${nth}`
    const injection = await Injection.begin(lab.hub.pid, [{ calls: [call], effect }])
    if (!(await push(lab, journal))) cuts++
    // A child of the server may have been the one that died; or nobody, where this push went another way.
    await lab.hub.stop('SIGKILL')
    await injection.end()
    await after()
    await lab.hub.start()
    try {
      await checkAll(lab, journal)
    } catch (error) {
      throw new Error(`killed at ${call} ${nth}: ${(error as Error).message}`)
    }
  }
  assert.ok(await push(lab, journal), 'no push works any more')
  await checkAll(lab, journal)
  assert.ok(cuts * 2 >= count, `only ${cuts} of ${count} pushes were cut`)
  return `${count} of ${points.length} points, ${cuts} pushes cut, ${journal.files.size} acknowledged`
}

interface CrashPoint {
  readonly call: string
  /** Which call of its thread it was. */
  readonly nth: number
}

function pointsOf(lines: readonly string[], isMeant: (line: string) => boolean): CrashPoint[] {
  const counts = new Map<string, number>()
  const points: CrashPoint[] = []
  for (const line of lines) {
    const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (call === undefined) continue
    const nth = (counts.get(`${thread} ${call}`) ?? 0) + 1
    counts.set(`${thread} ${call}`, nth)
    if (isMeant(line)) points.push({ call, nth })
  }
  return points
}

/** A new file, xorb to commit. Whether it came through; what was acknowledged before is noted all the same. */
async function push(lab: Lab, journal: Journal): Promise<boolean> {
  const chunks = seededChunks(lab.next(), [20_000, 30_000])
  const content = Buffer.concat(chunks)
  const xorb = forgeXorb(chunks)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const path = `file-${lab.next()}.bin`
  try {
    const cas = await lab.cas(journal.repo)
    const put = await lab.putXorb(cas, xorb.hash, xorb.body)
    if (put.status !== 200) return false
    journal.xorbs.push(xorb.hash)
    const shard = forgeShard({ files: [{ ...wholeFile(xorb), sha256 }], xorbs: [listOf(xorb)] })
    if ((await lab.putShard(cas, shard)).status !== 200) return false
    const value = { path, algo: 'sha256', oid: sha256, size: content.length }
    const note = `notes for ${path}\n`
    const commit = await lab.commit(journal.repo, [{ key: 'lfsFile', value }, fileLine(`${path}.txt`, note)])
    if (commit.status !== 200) return false
    journal.files.set(path, content)
    journal.files.set(`${path}.txt`, Buffer.from(note))
    return true
  } catch (error) {
    // The server died before it had answered.
    if (/socket hang up|ECONNRESET|ECONNREFUSED|EPIPE/.test(String(error))) return false
    throw error
  }
}

async function checkAll(lab: Lab, { repo, files, xorbs }: Journal): Promise<void> {
  await checkRepo(lab.hub, { repo, token: lab.alice, acknowledged: files })
  const cas = await lab.cas(repo)
  for (const xorb of xorbs) {
    const path = `${cas.path}/v1/xorb-grants/default/${xorb}`
    assertRefused(await lab.send(path, { method: 'POST', token: cas.token }), 200)
  }
  await lab.settle()
}

/** E9: the home lies on a disk image of its own; at each point only what had reached the disk is kept. */
async function cutsPower(lab: Lab): Promise<string> {
  const folder = await lab.scratch()
  const disk = join(folder, 'disk')
  const image = (n: number) => join(folder, `image-${n}`)
  const call = async (...words: string[]) => {
    const { code, stdout, stderr } = await runProgram(words[0] as string, words.slice(1))
    assert.equal(code, 0, `${words.join(' ')}: ${stdout}${stderr}`)
  }
  // Nothing is written back by the file system's own clock within the time of a test.
  const mount = (n: number) => call('mount', '-o', 'loop,commit=300', image(n), disk)
  await mkdir(disk)
  await call('truncate', '-s', '96M', image(0))
  await call('mkfs.ext4', '-q', '-F', '-m', '0', image(0))
  await mount(0)
  let cuts = 0
  try {
    await mkdir(join(disk, 'home'))
    const settle = { env: ENV, prepare: (home: string) => symlink(join(disk, 'home'), home) }
    return await lab.withAnother(settle, (own) =>
      crashAt(own, {
        count: POINTS.power,
        isMeant: (line) => line.includes(join(disk, 'home')),
        async after() {
          await call('cp', '--sparse=always', image(cuts), image(cuts + 1))
          await call('umount', '-l', disk)
          await mount(++cuts)
        },
      }),
    )
  } finally {
    await call('umount', '-l', disk)
  }
}
