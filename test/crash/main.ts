/**
 * `npm run crash -- [--only push,commit] [--mode kill,stop,power] [--every N] [--shard I/N] [--minutes N] [--resume FILE]`:
 * kills each scenario at every call that changes the disk, cuts the power at every one, and checks what is left
 * (points.ts says how; without --mode by `stop` and `power`). With
 * `--resume` each point is written to the file, and those that stand there are not done again. Prints a line for each
 * scenario and mode, one for each loss, and last `crash: N passed, M failed`: points that held and that lost something.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installBestKernels } from '../../src/app/install-kernels.ts'
import { systemClock } from '../../src/base/clock.ts'
import { isSupported } from './kernel.ts'
import { type Bench, killPoints, type Point, powerPoints, stopPoints } from './points.ts'
import { SCENARIOS } from './scenarios.ts'
import { TracerProcess } from './tracer-process.ts'
import { makeWorld } from './worlds.ts'

const MODES = { kill: killPoints, stop: stopPoints, power: powerPoints } as const
type Mode = keyof typeof MODES
/** A file system in memory, where there is one: what an fsync does is modelled, not waited for. */
const MEMORY = '/dev/shm'

interface Options {
  readonly only: readonly string[]
  readonly modes: readonly Mode[]
  readonly every: number
  readonly shard: readonly [index: number, count: number]
  readonly minutes: number
  readonly resume: string | undefined
}

function readOptions(): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: { only: text, mode: text, every: text, shard: text, minutes: text, resume: text },
  })
  const only = values.only?.split(',') ?? SCENARIOS.map(({ name }) => name)
  const modes = (values.mode ?? 'stop,power').split(',') as Mode[]
  const [index = 0, count = 1] = values.shard?.split('/').map(Number) ?? []
  const unknown = [
    ...only.filter((name) => !SCENARIOS.some((one) => one.name === name)),
    ...modes.filter((m) => !(m in MODES)),
  ]
  if (unknown.length > 0) throw new Error(`Unknown: ${unknown}; there are ${SCENARIOS.map(({ name }) => name)}`)
  if (!(count >= 1 && index >= 0 && index < count)) throw new Error('--shard is I/N, with I from 0 to N-1')
  const every = Number(values.every ?? 1)
  return { only, modes, every, shard: [index, count], minutes: Number(values.minutes ?? 1e9), resume: values.resume }
}

interface Tally {
  points: number
  states: number
  lost: number
  isWhole: boolean
}

class Progress {
  readonly #file: string | undefined
  readonly #done = new Map<string, Point>()

  constructor(file: string | undefined) {
    this.#file = file
    if (file === undefined || !existsSync(file)) return
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
      const point = JSON.parse(line) as Point
      this.#done.set(point.name, point)
    }
  }

  isDone(name: string): boolean {
    return this.#done.has(name)
  }

  pointsOf(prefix: string): Point[] {
    return [...this.#done.values()].filter(({ name }) => name.startsWith(prefix))
  }

  add(point: Point): void {
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(point)}\n`)
  }
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}

function count(tally: Tally, { name, at, losses, isKnown }: Point): void {
  tally.points++
  if (!isKnown) tally.states++
  if (losses.length === 0) return
  tally.lost++
  write(`LOSS ${name} (${at})`)
  for (const loss of losses) write(`     ${loss}`)
}

async function runAll(options: Options, scratch: string): Promise<Tally> {
  const { only, modes, resume } = options
  const progress = new Progress(resume)
  const total: Tally = { points: 0, states: 0, lost: 0, isWhole: true }
  const scenarios = SCENARIOS.filter(({ name }) => only.includes(name))
  const tracer = new TracerProcess()
  try {
    for (const scenario of scenarios) {
      const world = await makeWorld(scenario.from, scratch)
      for (const mode of modes) {
        const ms = (options.minutes * 60_000) / (scenarios.length * modes.length)
        const tally = await runMode(mode, { tracer, scratch, world, scenario }, { options, progress, ms })
        total.points += tally.points
        total.states += tally.states
        total.lost += tally.lost
      }
      await rm(world.folder, { recursive: true })
    }
  } finally {
    tracer.end()
  }
  return total
}

/** `ms`: how long it may take, at least one point. */
async function runMode(
  mode: Mode,
  bench: Bench,
  { options, progress, ms }: { options: Options; progress: Progress; ms: number },
): Promise<Tally> {
  const { every, shard } = options
  const [index, shards] = shard
  const { name } = bench.scenario
  const tally: Tally = { points: 0, states: 0, lost: 0, isWhole: true }
  for (const point of progress.pointsOf(`${name} ${mode} `)) count(tally, point)
  const wants = (k: number) => k % every === 0 && (k / every) % shards === index
  const begun = systemClock.monotonicMs()
  for await (const point of MODES[mode](bench, { wants, isDone: (known) => progress.isDone(known) })) {
    count(tally, point)
    progress.add(point)
    tally.isWhole = systemClock.monotonicMs() - begun < ms
    if (!tally.isWhole) break
  }
  const seconds = Math.round((systemClock.monotonicMs() - begun) / 1000)
  const states = mode === 'kill' ? '' : ` (${tally.states} states of the disk)`
  const cut = tally.isWhole ? '' : ', cut short by --minutes'
  write(`${name} ${mode}: points ${tally.points}${states}, losses ${tally.lost}, ${seconds} s${cut}`)
  return tally
}

if (!isSupported) throw new Error('The crash machine follows processes by calls of Linux on x86-64: run it there')
const options = readOptions()
await installBestKernels()
const memory = await access(MEMORY).then(
  () => MEMORY,
  () => tmpdir(),
)
const scratch = await mkdtemp(join(memory, 'xorbit-crash-'))
let total: Tally
try {
  total = await runAll(options, scratch)
} finally {
  await rm(scratch, { recursive: true, force: true })
}
write(`points ${total.points}, states looked at ${total.states}, losses ${total.lost}`)
write(`crash: ${total.points - total.lost} passed, ${total.lost} failed`)
process.exitCode = total.lost === 0 && total.points > 0 ? 0 : 1
