/** Runs experiments one after the other, each in bounded time and each followed by a check of the whole server. */
import { systemClock } from '../../src/base/clock.ts'
import { CATALOGUE } from './catalogue.ts'
import type { Experiment, Verdict } from './experiment.ts'
import { EXPERIMENTS } from './experiments.ts'
import { type FaultRow, STAGES, type Stage } from './fault-row.ts'
import type { Lab } from './lab.ts'
import { LATER } from './later.ts'

const EXPERIMENT_MS_MAX = 300_000

export interface Selection {
  /** This stage and all before it. */
  readonly stage?: Stage
  /** The stage without those before it. */
  readonly alone?: boolean
  readonly groups?: string
  readonly ids?: readonly string[]
}

export function selectRows({ stage, alone = false, groups, ids }: Selection): FaultRow[] {
  const lastStage = stage === undefined ? STAGES.length : STAGES.indexOf(stage)
  return CATALOGUE.filter(
    (row) =>
      STAGES.indexOf(row.stage) <= lastStage &&
      (!alone || row.stage === stage) &&
      (groups === undefined || groups.includes(row.id.slice(0, 1))) &&
      (ids === undefined || ids.includes(row.id)),
  )
}

/** Mostly waiting, on servers of their own: begun at once, and waited for when it is their turn. */
const AHEAD: readonly string[] = ['E12']
/** Mostly waiting for commands that pull, which leave no trace on the server: begun with the first of their group. */
const AHEAD_IN_GROUP: readonly string[] = ['D14']

export async function* runRows(lab: Lab, rows: readonly FaultRow[]): AsyncIterable<Verdict> {
  const begun = new Map<string, Experiment | undefined>()
  const beginAll = (ids: readonly string[]) => {
    for (const { id } of rows) if (ids.includes(id) && !begun.has(id)) begun.set(id, begin(lab, id))
  }
  beginAll(AHEAD)
  for (const row of rows) {
    beginAll(AHEAD_IN_GROUP.filter((id) => id.slice(0, 1) === row.id.slice(0, 1)))
    yield runRow(lab, row, begun.get(row.id) ?? EXPERIMENTS[row.id])
  }
}

/** Its outcome, when it is asked for. */
function begin(lab: Lab, id: string): Experiment | undefined {
  const outcome = EXPERIMENTS[id]?.(lab).then(
    (note) => () => note,
    (error: unknown) => () => {
      throw error
    },
  )
  return outcome && (async () => (await outcome)())
}

async function runRow(lab: Lab, row: FaultRow, experiment: Experiment | undefined): Promise<Verdict> {
  const later = LATER[row.id]
  if (later !== undefined) return { id: row.id, outcome: 'later', ms: 0, note: `needs ${later}` }
  if (experiment === undefined) return { id: row.id, outcome: 'untried', ms: 0, note: '' }
  const started = systemClock.monotonicMs()
  const elapsed = () => Math.round(systemClock.monotonicMs() - started)
  try {
    const note = await withinTime(experiment, lab)
    await lab.checkSound()
    return { id: row.id, outcome: 'held', ms: elapsed(), note: typeof note === 'string' ? note : '' }
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error)
    const died = lab.hub.isRunning ? '' : `; the server died: ${await lab.hub.logTail()}`
    if (died !== '') await lab.restart('SIGKILL')
    return { id: row.id, outcome: 'failed', ms: elapsed(), note: `${note.slice(0, 3000)}${died}`.replaceAll('\n', ' ') }
  }
}

async function withinTime(experiment: Experiment, lab: Lab): Promise<unknown> {
  const stop = new AbortController()
  const tooLong = systemClock.sleep(EXPERIMENT_MS_MAX, stop.signal).then(
    () => {
      throw new Error(`not over within ${EXPERIMENT_MS_MAX / 1000} s`)
    },
    // The experiment ended first: this promise has lost its race.
    () => undefined,
  )
  try {
    return await Promise.race([experiment(lab), tooLong])
  } finally {
    stop.abort()
  }
}
