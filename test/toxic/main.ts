/**
 * `npm run toxic -- [--mib 6] [--only TEXT]`: `xorbit pull` and `push` through a TCP proxy that delays, cuts, swallows and
 * changes what passes. Each must give the right bytes or a clear end, in bounded time; prints a table of what came of it.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import '../install-kernels.ts'
import { systemCode } from '../../src/base/app-error.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'
import { faster, PLAIN } from '../faults/pulls.ts'
import { mustEnd, Stand, sha256Of } from '../interop/stand.ts'
import { TOXICS, type ToxicRow, type Way } from './toxics.ts'

const WAYS: readonly Way[] = ['pull by Xet', 'pull by plain HTTP', 'push']
/** By the wall; a command that takes longer is killed. */
const TIME_MS = 60_000

const { values } = parseArgs({ options: { mib: { type: 'string', default: '6' }, only: { type: 'string' } } })
const bytes = Number(values.mib) << 20
const stand = await Stand.open()
let count = 0

interface Outcome {
  readonly exit: number | null
  readonly ms: number
  /** In the direction of the file's bytes, by its size. */
  readonly moved: number
}

async function tryPull(endpoint: string, env: NodeJS.ProcessEnv): Promise<number | null> {
  const home = await stand.scratch()
  const target = join(home, 'in')
  const words = ['pull', 'alice/toxic', '--local-dir', target]
  const { code, stdout, stderr } = await stand.xorbit(words, { endpoint, home, env, timeoutMs: TIME_MS })
  assert.doesNotMatch(stdout + stderr, /\n {4}at /, 'a stack trace was shown')
  const names = await readdir(target).catch((error: unknown): string[] => {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  })
  if (code === 0) assert.equal(await sha256Of(join(target, 'model.bin')), sha256, 'other bytes were delivered')
  else assert.ok(!names.includes('model.bin'), 'a file was named although it ended badly')
  return code
}

async function tryPush(endpoint: string, env: NodeJS.ProcessEnv): Promise<number | null> {
  const repo = `alice/toxic-${++count}`
  const home = await stand.scratch()
  const folder = join(home, 'out')
  await stand.randomFile(join(folder, 'model.bin'), bytes, `toxic ${count}`)
  const { code, stdout, stderr } = await stand.xorbit(['push', repo, folder], {
    endpoint,
    home,
    env,
    timeoutMs: TIME_MS,
  })
  assert.doesNotMatch(stdout + stderr, /\n {4}at /, 'a stack trace was shown')
  if (code !== 0) return code
  const there = (await stand.tree(repo)).get('model.bin')
  assert.equal(there?.lfs?.oid, await sha256Of(join(folder, 'model.bin')), 'the server holds other bytes')
  return code
}

async function tryOne({ toxics, speed = 1 }: ToxicRow, way: Way): Promise<Outcome> {
  const proxy = await ToxicProxy.start(stand.hub.url)
  proxy.choose = toxics
  const started = systemClock.monotonicMs()
  const env = { ...(way === 'pull by plain HTTP' ? PLAIN : {}), ...(speed === 1 ? {} : faster(speed)) }
  try {
    const exit = await (way === 'push' ? tryPush : tryPull)(proxy.url, env)
    const moved = (way === 'push' ? proxy.bytesUp : proxy.bytesDown) / bytes
    return { exit, ms: systemClock.monotonicMs() - started, moved }
  } finally {
    await proxy.close()
  }
}

let [passed, failed] = [0, 0]
function report(row: ToxicRow, way: Way, result: PromiseSettledResult<Outcome>): void {
  const outcome = result.status === 'fulfilled' ? result.value : null
  const exits = row.mustEnd ? (row.mayEnd ?? []) : [0, ...(row.mayEnd ?? [])]
  const isGood = outcome !== null && exits.some((exit) => exit === outcome.exit)
  isGood ? passed++ : failed++
  const figures =
    outcome === null
      ? String((result as PromiseRejectedResult).reason).split('\n')[0]
      : `exit ${outcome.exit}, ${(outcome.ms / 1000).toFixed(1).padStart(5)} s, moved ${outcome.moved.toFixed(2)}`
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${row.name.padEnd(40)} ${way.padEnd(20)} ${figures}\n`)
}

let sha256 = ''
try {
  const folder = join(await stand.scratch(), 'out')
  await stand.randomFile(join(folder, 'model.bin'), bytes, 'toxic')
  sha256 = await sha256Of(join(folder, 'model.bin'))
  mustEnd(await stand.xorbit(['push', 'alice/toxic', folder]), 'push')
  for (const row of TOXICS) {
    if (values.only !== undefined && !row.name.includes(values.only)) continue
    const ways = row.ways ?? WAYS
    const results = await Promise.allSettled(ways.map((way) => tryOne(row, way)))
    results.forEach((result, i) => {
      report(row, ways[i] as Way, result)
    })
  }
  const health = await stand.send('/health')
  assert.equal(health.status, 200, 'the server no longer serves')
} finally {
  await stand.close()
}
process.stdout.write(`toxic: ${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
