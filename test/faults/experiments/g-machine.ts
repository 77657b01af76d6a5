/** Group G: the machine under the server fails: its disk is full or stands still, a helper hangs, our own code throws. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../../src/base/app-error.ts'
import { systemClock } from '../../../src/base/clock.ts'
import type { Reply } from '../../farm/http-send.ts'
import type { HubSettings } from '../../farm/hub-process.ts'
import { Injection } from '../../farm/injection.ts'
import type { Experiments } from '../experiment.ts'
import { forgeXorb, seededBytes, seededChunks } from '../forge.ts'
import { JSON_TYPE, type Lab } from '../lab.ts'

const DISK: HubSettings = { disk: 'size=32m' }
const UPLOAD_BYTES = 1_000_000
const CLIENTS = 16
/** The server waits a fifth as long before it calls something stalled. */
const HASTY: HubSettings = { env: preload('fast-clock.ts', { FAST_CLOCK: '5' }) }
const STALL_MS = 12_000
/** What is refused is refused long before the stall ends. */
const REFUSED_MS = 6_000

export const MACHINE_EXPERIMENTS: Experiments = {
  G24: (lab) => lab.withAnother(DISK, survivesFullDisk),
  async G25(lab) {
    const helper = await lab.withAnother(HASTY, survivesStalledHelper)
    return `${helper}; ${await lab.withAnother(HASTY, survivesStalledDisk)}`
  },
  G27: (lab) => lab.withAnother({ env: preload('throw-in-route.ts') }, survivesBugs),
}

function preload(file: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=${new URL(`../../farm/${file}`, import.meta.url).href}`, ...more }
}

/** G24: many clients fill the disk; whoever is not told 507 has its bytes kept, reads go on, and room is all it takes. */
async function survivesFullDisk(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const kept = new Map<string, Buffer>()
  assert.equal((await upload(lab, repo, kept)).status, 200)
  assert.equal((await lab.send('/readyz')).status, 200)
  const ballast = join(lab.hub.home, 'ballast')
  fill(ballast, 10 * UPLOAD_BYTES)
  const told = await Promise.all(Array.from({ length: CLIENTS }, () => upload(lab, repo, kept)))
  const statuses = told.map(({ status }) => status)
  assert.deepEqual(
    statuses.filter((status) => ![200, 507].includes(status)),
    [],
    `told ${statuses}: ${await bugsOf(lab)}`,
  )
  fill(ballast, 0)
  const refused = await Promise.all(Array.from({ length: CLIENTS }, () => upload(lab, repo, kept)))
  assert.deepEqual(new Set(refused.map(({ status }) => status)), new Set([507]))
  assert.equal((await lab.send('/readyz')).status, 503)
  await lab.checkSound()
  await readsAll(lab, repo, kept)
  await rm(ballast)
  assert.equal((await lab.send('/readyz')).status, 200)
  assert.equal((await upload(lab, repo, kept)).status, 200)
  await readsAll(lab, repo, kept)
  lab.checkSameProcess()
  return `${kept.size} uploads kept, ${statuses.filter((status) => status === 507).length + CLIENTS} told 507`
}

/** What the server's log calls a bug. */
async function bugsOf(lab: Lab): Promise<string[]> {
  const log = await readFile(join(lab.hub.folder, 'serve.log'), 'utf8')
  const lines = log.split('\n').filter((line) => line.includes('failed by a bug'))
  return lines.map((line) => (JSON.parse(line) as { err: { message: string } }).err.message)
}

/** An LFS object of its own and the commit that names it; what was acknowledged goes into `kept`. */
async function upload(lab: Lab, repo: string, kept: Map<string, Buffer>): Promise<Reply> {
  const path = `f${lab.next()}.bin`
  const content = Buffer.from(seededBytes(lab.next(), UPLOAD_BYTES))
  const oid = createHash('sha256').update(content).digest('hex')
  const objects = [{ oid, size: content.length }]
  const batch = await lab.send(`/${repo}.git/info/lfs/objects/batch`, {
    ...{ method: 'POST', token: lab.alice, headers: JSON_TYPE },
    body: { operation: 'upload', transfers: ['basic'], objects, hash_algo: 'sha256' },
  })
  if (batch.status !== 200) return batch
  const [object] = (batch.json() as { objects: { actions: { upload: { href: string } } }[] }).objects
  const { pathname, search } = new URL(object?.actions.upload.href ?? '')
  const put = await lab.send(pathname + search, { method: 'PUT', body: content })
  if (put.status !== 200) return put
  const commit = await lab.commit(repo, [
    { key: 'lfsFile', value: { path, algo: 'sha256', oid, size: content.length } },
  ])
  if (commit.status === 200) kept.set(path, content)
  return commit
}

async function readsAll(lab: Lab, repo: string, kept: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [path, content] of kept) {
    const reply = await lab.send(`/${repo}/resolve/main/${path}`, { token: lab.alice })
    assert.ok(reply.status === 200 && reply.body.equals(content), `${path} was acknowledged: ${reply.status}`)
  }
}

/** Takes room until only `left` bytes are free. */
function fill(path: string, left: number): void {
  const file = openSync(path, 'a')
  try {
    for (let size = 1 << 20; size >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(size, 1))
      } catch (error) {
        if (systemCode(error) !== 'ENOSPC') throw error
        size >>= 1
      }
    }
  } finally {
    closeSync(file)
  }
  if (left > 0) truncateBy(path, left)
}

function truncateBy(path: string, bytes: number): void {
  const { size } = statSync(path)
  truncateSync(path, Math.max(size - bytes, 0))
}

/** G25: the git process of one repository stands still. Its readers are told 503, others notice nothing, it recovers. */
async function survivesStalledHelper(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const path = `/api/models/${repo}/tree/main`
  assert.equal((await lab.send(path, { token: lab.alice })).status, 200)
  const stopped = helpersOf(lab.hub.pid, repo)
  assert.ok(stopped.length > 0, 'no git process runs for the repository')
  for (const pid of stopped) process.kill(pid, 'SIGSTOP')
  const begun = systemClock.monotonicMs()
  const asked = Array.from({ length: 50 }, () => lab.send(path, { token: lab.alice, timeoutMs: 30_000 }))
  await lab.checkSound()
  const answers = await Promise.all(asked)
  const ms = Math.round(systemClock.monotonicMs() - begun)
  for (const reply of answers) checkBusy(reply, 'GIT_STALLED')
  assert.equal((await lab.send(path, { token: lab.alice })).status, 200, 'the repository stays closed')
  assert.deepEqual(
    helpersOf(lab.hub.pid, repo).filter((pid) => stopped.includes(pid)),
    [],
    'the stopped process is still there',
  )
  return `50 readers of a stalled repository told 503 after ${ms} ms`
}

function checkBusy(reply: Reply, code: string): void {
  assert.equal(reply.status, 503, `${reply.status} ${reply.body}`)
  assert.equal(reply.json().code, code)
  assert.match(`${reply.headers['retry-after']}`, /^\d+$/)
}

/** The git processes that a server runs for a repository, itself or through others. */
function helpersOf(pid: number, repo: string): number[] {
  return descendantsOf(pid).filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(`${repo}.git`))
}

function descendantsOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`)
  const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim())
  const children = lists.flatMap((list) => (list === '' ? [] : list.split(' ').map(Number)))
  return children.flatMap((child) => [child, ...descendantsOf(child)])
}

/** G25: the disk takes seconds for what is to be durable. Uploads are told 503, reads go on, `/readyz` says so. */
async function survivesStalledDisk(lab: Lab): Promise<string> {
  const cas = await lab.cas()
  const put = (seed: number) => {
    const { hash, body } = forgeXorb(seededChunks(seed, [30_000]))
    return lab.putXorb(cas, hash, body)
  }
  assert.equal((await put(lab.next())).status, 200)
  const prefixes = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
  const paths = prefixes.map((prefix) => join(lab.hub.home, 'blobs', 'xorbs', prefix))
  const slow = { calls: ['fsync'], effect: `delay_enter=${STALL_MS * 1000}` }
  const injection = await Injection.begin(lab.hub.pid, [slow], {
    paths: [...paths, join(lab.hub.home, 'run', 'probe')],
  })
  const begun = systemClock.monotonicMs()
  let first: Reply
  let refused = 0
  try {
    const stuck = put(lab.next())
    await systemClock.sleep(2_000)
    const ready = await lab.send('/readyz')
    assert.equal(ready.status, 503, `/readyz beside a disk that stands still: ${ready.status}`)
    assert.match(ready.body.toString(), /disk has not answered/)
    const others = await Promise.all(Array.from({ length: CLIENTS }, () => put(lab.next())))
    for (const reply of others) checkBusy(reply, 'STORE_STALLED')
    refused = others.length
    await lab.checkSound()
    const ms = systemClock.monotonicMs() - begun
    assert.ok(ms < REFUSED_MS, `refusals and reads took ${Math.round(ms)} ms`)
    first = await stuck
  } finally {
    await injection.end()
  }
  assert.equal(first.status, 200, `the upload that waited: ${first.status} ${first.body}`)
  await untilReady(lab)
  assert.equal((await put(lab.next())).status, 200)
  return `${refused} uploads told 503 beside a stalled disk`
}

async function untilReady(lab: Lab): Promise<void> {
  const end = systemClock.monotonicMs() + 20_000
  while ((await lab.send('/readyz')).status !== 200) {
    assert.ok(systemClock.monotonicMs() < end, 'not ready again')
    await systemClock.sleep(200)
  }
}

/** G27: a bug in a route is 500 with an id that leads to the log, is counted, and ends nothing else. */
async function survivesBugs(lab: Lab): Promise<void> {
  const bugs = async () => {
    const reply = await lab.send('/metrics', { token: lab.hub.adminToken })
    assert.equal(reply.status, 200)
    return Number(/^xorbit_bugs_total\{route="\/api\/models"\} (\d+)$/m.exec(reply.body.toString())?.[1] ?? 0)
  }
  assert.equal(await bugs(), 0)
  const replies = await Promise.all(
    Array.from({ length: 5 }, () => lab.send('/api/models?search=injected-bug', { token: lab.alice })),
  )
  const log = await readFile(join(lab.hub.folder, 'serve.log'), 'utf8')
  for (const { status, headers, body } of replies) {
    assert.equal(status, 500)
    assert.doesNotMatch(`${body}${JSON.stringify(headers)}`, /secret place|TypeError|\.ts:/)
    const line = log.split('\n').find((text) => text.includes(`${headers['x-request-id']}`))
    assert.match(line ?? '', /secret place/, 'the id leads nowhere in the log')
  }
  assert.equal(await bugs(), replies.length)
  assert.equal((await lab.send('/api/models?search=good', { token: lab.alice })).status, 200)
  await lab.checkSound()
  lab.checkSameProcess()
}
