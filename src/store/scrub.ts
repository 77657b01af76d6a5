/**
 * Reads everything that is stored, slowly, and has it checked. Where it stands is kept in the catalog, so that a scrub
 * that was stopped or killed goes on; one bad item is a line in the report and never stops the rest.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Catalog } from './catalog.ts'

export interface ScrubKind {
  readonly kind: string
  /** In order, behind `after`. */
  list(after: string): AsyncIterable<string>
  /** Reads it, quarantines what is bad, says what is wrong in words. */
  verify(name: string): Promise<{ readonly bytes: number; readonly problems: readonly string[] }>
}

export interface ScrubProblem {
  readonly kind: string
  readonly name: string
  readonly problem: string
}

export interface ScrubState {
  readonly startedSeconds: number
  /** Null while it is not at its end. */
  readonly finishedSeconds: number | null
  /** Where it goes on: behind this name of this kind. */
  readonly kind: string
  readonly after: string
  readonly checked: number
  readonly bytes: number
  readonly problemCount: number
  /** The first of them. */
  readonly problems: readonly ScrubProblem[]
}

export interface ScrubOptions {
  readonly catalog: Catalog
  readonly clock: Clock
  /** In the order in which they are read. */
  readonly kinds: readonly ScrubKind[]
  readonly bytesPerSecond: number
  /** Forgets where an earlier one stopped. */
  readonly restart: boolean
  readonly signal?: AbortSignal | undefined
}

const PROBLEMS_KEPT_MAX = 1000
const RECORD = { kind: 'care', key: 'scrub' } as const
/** A killed scrub reads so much again at most. */
const SAVE_MS = 10_000

export async function findScrub(catalog: Catalog): Promise<ScrubState | null> {
  const value = await catalog.findRecord(RECORD.kind, RECORD.key)
  return value === null ? null : (JSON.parse(Buffer.from(value).toString()) as ScrubState)
}

/** Gives the state at its end, or where the signal stopped it. */
export async function scrub(options: ScrubOptions): Promise<ScrubState> {
  const { catalog, clock, kinds, signal } = options
  let state = await startState(options)
  let savedMs = clock.monotonicMs()
  const save = async () => {
    await catalog.write({ records: [{ ...RECORD, value: Buffer.from(JSON.stringify(state)) }] })
    savedMs = clock.monotonicMs()
  }
  const first = Math.max(
    kinds.findIndex(({ kind }) => kind === state.kind),
    0,
  )
  for (const kind of kinds.slice(first)) {
    if (state.kind !== kind.kind) state = { ...state, kind: kind.kind, after: '' }
    for await (const name of kind.list(state.after)) {
      if (signal?.aborted === true) break
      const begunMs = clock.monotonicMs()
      const outcome = await verifyOne(kind, name)
      state = added(state, name, outcome)
      if (clock.monotonicMs() - savedMs >= SAVE_MS) await save()
      await rest(options, outcome.bytes, begunMs)
    }
    if (signal?.aborted === true) break
  }
  if (signal?.aborted !== true) state = { ...state, finishedSeconds: clock.nowSeconds() }
  await save()
  return state
}

async function startState({ catalog, clock, kinds, restart }: ScrubOptions): Promise<ScrubState> {
  const last = restart ? null : await findScrub(catalog)
  if (last !== null && last.finishedSeconds === null) return last
  const counts = { checked: 0, bytes: 0, problemCount: 0, problems: [] }
  return {
    startedSeconds: clock.nowSeconds(),
    finishedSeconds: null,
    kind: kinds[0]?.kind ?? '',
    after: '',
    ...counts,
  }
}

async function verifyOne(kind: ScrubKind, name: string): Promise<{ bytes: number; problems: ScrubProblem[] }> {
  const asProblem = (problem: string) => ({ kind: kind.kind, name, problem })
  try {
    const { bytes, problems } = await kind.verify(name)
    return { bytes, problems: problems.map(asProblem) }
  } catch (error) {
    // EIO on one file, a row that makes no sense: said, and the next one is read.
    if (error instanceof AppError && error.kind === 'not-found') return { bytes: 0, problems: [] }
    return { bytes: 0, problems: [asProblem((error as Error).message)] }
  }
}

function added(
  state: ScrubState,
  name: string,
  { bytes, problems }: { bytes: number; problems: ScrubProblem[] },
): ScrubState {
  return {
    ...state,
    after: name,
    checked: state.checked + 1,
    bytes: state.bytes + bytes,
    problemCount: state.problemCount + problems.length,
    problems: [...state.problems, ...problems].slice(0, PROBLEMS_KEPT_MAX),
  }
}

/** Keeps the rate over each item. */
async function rest({ clock, bytesPerSecond, signal }: ScrubOptions, bytes: number, begunMs: number): Promise<void> {
  const dueMs = begunMs + (bytes / bytesPerSecond) * 1000
  const leftMs = dueMs - clock.monotonicMs()
  if (leftMs <= 1 || signal?.aborted === true) return
  await clock.sleep(leftMs, signal).catch((reason: unknown) => {
    if (signal?.aborted !== true) throw reason
  })
}
