/**
 * `npm run scale -- [--seconds 300] [--repos 100000] [--files 100000] [--chunks 1000000] [--quick] [--json]`: a large home,
 * a real server over it, pages of its listings, then 200 pullers and 8 pushers from two processes at nice 10. Prints what
 * was measured and whether each line of the promise holds; exit code 1 when one does not. `make-home.ts` says what of the
 * home is real. `--quick` is small and asserts what does not depend on the machine's speed.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { installBestKernels } from '../../src/app/install-kernels.ts'
import { systemClock } from '../../src/base/clock.ts'
import { HubProcess } from '../../test/farm/hub-process.ts'
import { Caller } from './caller.ts'
import { Latencies } from './latencies.ts'
import { makeHome, type Sizes } from './make-home.ts'
import { turnPages, turnTree } from './pages.ts'
import type { LoadPlan, LoadResult, MadeHome } from './plan.ts'
import { mib, type Verdict, verdictsOf } from './verdicts.ts'
import { Watch } from './watch.ts'

const PROCESSES = 2
const NICE = '10'
const MIB = 1 << 20

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    repos: { type: 'string' },
    files: { type: 'string' },
    chunks: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const isQuick = values.quick
const countOf = (text: string | undefined, full: number, quick: number) => Number(text ?? (isQuick ? quick : full))
const seconds = countOf(values.seconds, 300, 10)
const pullers = isQuick ? 40 : 200
const pushers = isQuick ? 2 : 8
const sizes: Sizes = {
  repos: countOf(values.repos, 100_000, 5_000),
  files: countOf(values.files, 100_000, 5_000),
  chunks: countOf(values.chunks, 1_000_000, 20_000),
  realRepos: isQuick ? 8 : 32,
  realBytes: 4 * MIB,
  pushers,
}

function write(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`)
}

function event(name: string, facts: Record<string, unknown>): void {
  if (values.json) process.stdout.write(`${JSON.stringify({ event: name, ...facts })}\n`)
}

await installBestKernels()
const folder = await mkdtemp(join(tmpdir(), 'xorbit-scale-'))
const hub = new HubProcess(folder)
try {
  const verdicts = await run()
  const failed = verdicts.filter(({ holds }) => !holds).length
  for (const verdict of verdicts) {
    event('verdict', { ...verdict })
    write(`${verdict.holds ? 'holds' : 'FAILS'}  ${verdict.line}: ${verdict.found}`)
  }
  write(`scale: ${verdicts.length - failed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
} finally {
  await hub.stop()
  await rm(folder, { recursive: true, force: true })
}

async function run(): Promise<Verdict[]> {
  write(`${cpus().length} cores, Node ${process.versions.node}, load average ${loadavg()[0]?.toFixed(1)}`)
  const begun = systemClock.monotonicMs()
  const made = await makeHome(hub.home, sizes, (text) => write(`made: ${text}, ${elapsed(begun)} s`))
  process.env.NODE_OPTIONS = `--import ${new URL('own-delay.ts', import.meta.url)}`
  process.env.SCALE_DELAY_FILE = join(folder, 'delays.jsonl')
  await hub.start()
  delete process.env.NODE_OPTIONS
  write(`serves as process ${hub.pid}, ${elapsed(begun)} s; ${mib(hub.memory().now)} MiB`)
  const pages = new Latencies()
  const caller = new Caller()
  const tools = { caller, latencies: pages }
  await turnPages(hub, made, { ...tools, rounds: isQuick ? 3 : 30 })
  await turnTree(hub, made, tools, 'tree page')
  const before = hub.memory().now
  await turnTree(hub, made, tools, 'tree page again')
  const treeGrowthBytes = hub.memory().now - before
  caller.close()
  report('pages', pages)

  write(`\nload: ${pullers} pullers and ${pushers} pushers from ${PROCESSES} processes, ${seconds} s`)
  const begunLoad = (await readDelays()).length
  const { watch, results } = await load(made)
  const calls = new Latencies()
  for (const { latencies } of results) calls.join(latencies)
  report('load', calls)
  const errors = results.flatMap((result) => result.errors)
  for (const error of errors.slice(0, 10)) write(`error: ${error}`)
  reportWatch(watch, results)
  for (const part of (await readDelays()).slice(begunLoad)) {
    event('delay', { part: JSON.parse(part) })
    write(`event loop late, of 15 s: ${part}`)
  }
  const measured = { pages: pages.figures(), treeGrowthBytes, errors, calls: calls.figures() }
  return verdictsOf({ ...measured, samples: watch.samples, delays: watch.delays }, { timed: !isQuick })
}

async function load(made: MadeHome): Promise<{ watch: Watch; results: LoadResult[] }> {
  const children = await Promise.all(Array.from({ length: PROCESSES }, (_, i) => startLoad(made, i)))
  const watch = await Watch.start(hub, Math.min(60, Math.ceil(seconds / 5)))
  const results = await Promise.all(children.map((child) => child.work()))
  await watch.stop()
  return { watch, results }
}

async function startLoad(made: MadeHome, number: number): Promise<{ work(): Promise<LoadResult> }> {
  const share = pushers / PROCESSES
  const plan: LoadPlan = {
    ...made,
    url: hub.url,
    seconds,
    pullers: pullers / PROCESSES,
    pushers: share,
    firstPusher: number * share,
    name: `load ${number}`,
  }
  const path = join(folder, `plan-${number}.json`)
  await writeFile(path, JSON.stringify(plan))
  const program = fileURLToPath(new URL('load-process.ts', import.meta.url))
  const child: ChildProcess = spawn('nice', ['-n', NICE, process.execPath, program, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  if ((await lines.next()).value !== 'ready') throw new Error('a load process did not start')
  return {
    async work() {
      child.stdin?.end('go\n')
      const { value } = await lines.next()
      if (value === undefined) throw new Error('a load process ended without a result')
      return JSON.parse(value) as LoadResult
    },
  }
}

function report(what: string, latencies: Latencies): void {
  write(`${'call'.padEnd(30)} count     p50 ms    p99 ms    max ms`)
  for (const [call, figures] of latencies.figures()) {
    event(what, { call, ...figures })
    const cells = [figures.p50Ms, figures.p99Ms, figures.maxMs].map((ms) => ms.toFixed(1).padStart(9))
    write(`${call.padEnd(30)} ${String(figures.count).padStart(6)} ${cells.join(' ')}`)
  }
}

function reportWatch(watch: Watch, results: readonly LoadResult[]): void {
  const sum = (field: 'pulledBytes' | 'pushedBytes') => results.reduce((total, result) => total + result[field], 0)
  const facts = {
    pulledMiB: Number(mib(sum('pulledBytes'))),
    pushedMiB: Number(mib(sum('pushedBytes'))),
    serverCpuSeconds: watch.cpuSeconds,
    loadAverage: loadavg()[0],
  }
  event('server', { ...facts, delays: watch.delays, samples: watch.samples })
  write(
    `pulled ${facts.pulledMiB} MiB, pushed ${facts.pushedMiB} MiB, server ${facts.serverCpuSeconds.toFixed(1)} CPU s, load average ${facts.loadAverage?.toFixed(1)}`,
  )
  const minutes = watch.samples.filter((_, i) => i % 30 === 0).map(({ rssBytes }) => mib(rssBytes))
  write(`memory every 30 s: ${minutes.join(' ')} MiB, at its highest ${mib(hub.memory().peak)} MiB`)
  const parts = watch.delays.map(({ heapBytes, outsideBytes }) => `${mib(heapBytes)}+${mib(outsideBytes)}`)
  write(`of it objects + buffers at the end of each part: ${parts.join(' ')} MiB`)
  const delays = watch.delays.map(({ p50Ms, p99Ms }) => `${p50Ms.toFixed(1)}/${p99Ms.toFixed(1)}`)
  write(`event loop late, p50/p99 of each part: ${delays.join(' ')} ms\n`)
}

/** What `own-delay.ts` wrote so far. */
async function readDelays(): Promise<string[]> {
  const text = await readFile(join(folder, 'delays.jsonl'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').filter((line) => line !== '')
}

function elapsed(begun: number): string {
  return ((systemClock.monotonicMs() - begun) / 1000).toFixed(1)
}
