/**
 * The points of one scenario, one after the other.
 * - `kill`: a run of its own for each k, all its processes killed at the k-th call that changes the disk, before it takes
 *   effect. What they wrote is the kernel's and stays.
 * - `stop`: one run, stopped at each of these calls; what lies on the disk then is copied, as it is what a kill there
 *   leaves. The same points as by `kill`, at a third of the price.
 * - `power`: the power cut after the first k calls of one recorded run, with each kind of cut (disk-model.ts).
 * States of the disk that were looked at before, under the same facts, count as points and are not looked at again.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkWorld } from './check.ts'
import { copyTreeNow } from './copy-tree.ts'
import { CUTS, type Found } from './disk-model.ts'
import { Facts } from './facts.ts'
import { fingerprint, layOut, modelOf } from './lay-out.ts'
import type { Scenario } from './scenarios.ts'
import type { TraceResult } from './tracer.ts'
import type { TracerProcess } from './tracer-process.ts'
import type { World } from './worlds.ts'

const PROGRAM = fileURLToPath(new URL('scenario-program.ts', import.meta.url))
/** Each of these would be a state of its own. */
const TORN_EVERY = 10
const TORN_AT = 7
const CHECK_MS_MAX = 180_000

export interface Point {
  /** Such as `push kill 12`. */
  readonly name: string
  /** What the call was. */
  readonly at: string
  readonly losses: readonly string[]
  /** Whether it stands for a state that was checked under another name. */
  readonly isKnown: boolean
}

export interface Selection {
  /** Whether the k-th point is looked at. */
  wants(k: number): boolean
  isDone(name: string): boolean
}

export interface Bench {
  readonly tracer: TracerProcess
  readonly scratch: string
  readonly world: World
  readonly scenario: Scenario
}

export async function* killPoints(bench: Bench, selection: Selection): AsyncGenerator<Point> {
  const { scenario } = bench
  for (let k = 1; ; k++) {
    const name = `${scenario.name} kill ${k}`
    if (!selection.wants(k) || selection.isDone(name)) continue
    const { world, result, said } = await runTraced(bench, k)
    if (!result.wasKilled) {
      await rm(world, { recursive: true })
      return
    }
    const facts = new Facts(bench.world.facts)
    facts.hearAll(said)
    yield { name, at: result.killedAt, isKnown: false, losses: await checkInTime(world, facts, scenario) }
  }
}

export async function* stopPoints(bench: Bench, selection: Selection): AsyncGenerator<Point> {
  const { scenario, scratch } = bench
  const copies = join(scratch, 'copies')
  await mkdir(copies)
  try {
    const { world, result } = await runTraced(bench, 0, copies)
    await rm(world, { recursive: true })
    const seen = new Set<string>()
    const calls = result.calls.filter(({ name }) => name !== 'said')
    for (const [i, call] of calls.entries()) {
      const name = `${scenario.name} stop ${i + 1}`
      if (!selection.wants(i + 1) || selection.isDone(name)) continue
      const copy = join(copies, String(i + 1))
      const facts = new Facts(bench.world.facts)
      facts.hearAll(await readFile(`${copy}.said`, 'utf8'))
      const isKnown = !isNew(seen, (await modelOf(copy)).cut('all'), facts)
      const losses = isKnown ? [] : await checkInTime(copy, facts, scenario)
      yield { name, at: `${call.name} ${call.path.slice(world.length)}`, losses, isKnown }
    }
  } finally {
    await rm(copies, { recursive: true })
  }
}

export async function* powerPoints(bench: Bench, selection: Selection): AsyncGenerator<Point> {
  const { scenario, scratch } = bench
  const { world, result, model } = await runTraced(bench, 0)
  const real = (await modelOf(world)).cut('all')
  await rm(world, { recursive: true })
  const facts = new Facts(bench.world.facts)
  const seen = new Set<string>()
  let k = 0
  for (const call of [...result.calls, null]) {
    if (call?.name === 'said') {
      for (const event of call.events) if (event.op === 'said') facts.hear(event.line)
      continue
    }
    k++
    const at = call === null ? 'the end' : `${call.name} ${call.path.slice(world.length)}`
    for (const cut of CUTS) {
      const name = `${scenario.name} power ${k} ${cut}`
      if (!selection.wants(k) || selection.isDone(name) || (cut === 'torn' && k % TORN_EVERY !== TORN_AT)) continue
      const found = model.cut(cut, k)
      const isKnown = !isNew(seen, found, facts)
      const after = join(scratch, 'after-the-cut')
      if (!isKnown) await layOut(found, after, join(bench.world.folder, 'home', 'reserve'))
      yield { name, at, isKnown, losses: isKnown ? [] : await checkInTime(after, facts, scenario) }
    }
    for (const event of call?.events ?? []) model.take(event)
  }
  if (fingerprint(model.cut('all')) === fingerprint(real)) return
  throw new Error(`The model of ${scenario.name} ends with another disk than the run did: a call is not followed`)
}

function isNew(seen: Set<string>, found: Found, facts: Facts): boolean {
  const count = seen.size
  seen.add(createHash('sha256').update(fingerprint(found)).update(JSON.stringify(facts.list())).digest('hex'))
  return seen.size > count
}

/** Runs the scenario on a copy of its world: killed at the k-th call, or to its end and written down. */
async function runTraced(bench: Bench, k: number, copies: string | null = null) {
  const { tracer, scratch, scenario } = bench
  const { folder } = bench.world
  const world = join(scratch, 'world')
  await rm(world, { recursive: true, force: true })
  copyTreeNow(folder, world)
  const model = await modelOf(world)
  const place = join(scratch, 'tracer')
  await rm(place, { recursive: true, force: true })
  await mkdir(place)
  const [gate, journal, errors] = ['gate', 'journal', 'errors'].map((name) => join(place, name)) as [
    string,
    string,
    string,
  ]
  execFileSync('mkfifo', [gate])
  const result: TraceResult = await tracer.trace({
    command: [process.execPath, PROGRAM, scenario.name, world],
    // One thread for files: what is done at the same time differs less from run to run.
    env: {
      ...{ PATH: process.env.PATH ?? '', HOME: place, UV_THREADPOOL_SIZE: '1', XORBIT_CRASH_TRACED: '1' },
      NODE_COMPILE_CACHE: join(scratch, 'compiled'),
    },
    ...{ folder: world, journal, errors, gate, killAt: k, record: k === 0, copies },
  })
  if (!result.wasKilled && result.exit !== 0) {
    throw new Error(`${scenario.name} ended with ${result.exit}: ${await readFile(errors, 'utf8')}`)
  }
  return { world, result, model, said: await readFile(journal, 'utf8') }
}

async function checkInTime(world: string, facts: Facts, scenario: Scenario): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string[]>((resolve) => {
    timer = setTimeout(() => resolve([`not looked at in ${CHECK_MS_MAX} ms`]), CHECK_MS_MAX)
  })
  try {
    return await Promise.race([checkWorld(world, facts.list(), scenario), late])
  } finally {
    clearTimeout(timer)
    await rm(world, { recursive: true, force: true })
  }
}
