/** Whether what was measured is what is promised, line by line. */
import type { CallFigures } from './latencies.ts'
import type { LoopDelay, Sample } from './watch.ts'

export interface Verdict {
  readonly line: string
  readonly holds: boolean
  readonly found: string
}

export interface Measured {
  readonly pages: ReadonlyMap<string, CallFigures>
  /** What the server's memory grew by while the whole tree was read. */
  readonly treeGrowthBytes: number
  readonly errors: readonly string[]
  readonly calls: ReadonlyMap<string, CallFigures>
  readonly samples: readonly Sample[]
  readonly delays: readonly LoopDelay[]
}

const PAGE_MS_MAX = 100
const DELAY_MS_MAX = 50
const TREE_GROWTH_BYTES_MAX = 128 << 20
const SETTLED_SECONDS = 60
/** What the last minute may have more than the second one, at their highest: allocators breathe. */
const GROWTH_SHARE_MAX = 0.05
const WINDOW_SECONDS = 60

/** `timed` false leaves out what depends on the machine's speed. */
export function verdictsOf(measured: Measured, { timed }: { timed: boolean }): Verdict[] {
  const { pages, errors, calls, delays, treeGrowthBytes } = measured
  const slowest = [...pages]
    .filter(([call]) => !call.endsWith('first page'))
    .reduce<[string, CallFigures] | null>((worst, one) => (one[1].p99Ms > (worst?.[1].p99Ms ?? -1) ? one : worst), null)
  const done = [...calls.values()].reduce((sum, { count }) => sum + count, 0)
  const delay = Math.max(...delays.map(({ p99Ms }) => p99Ms))
  return [
    {
      line: 'no error',
      holds: errors.length === 0 && done > 0,
      found: `${done} calls, ${errors.length} errors${errors.length > 0 ? `: ${errors[0]}` : ''}`,
    },
    {
      line: 'the tree is read in bounded memory',
      holds: treeGrowthBytes < TREE_GROWTH_BYTES_MAX,
      found: `${mib(treeGrowthBytes)} MiB more`,
    },
    ...(timed
      ? [
          {
            line: `a page of a listing comes within ${PAGE_MS_MAX} ms, p99`,
            holds: (slowest?.[1].p99Ms ?? 0) < PAGE_MS_MAX,
            found: `the slowest is ${slowest?.[0]}: ${slowest?.[1].p99Ms.toFixed(1)} ms`,
          },
          {
            line: `the event loop is late by less than ${DELAY_MS_MAX} ms, p99`,
            holds: delay < DELAY_MS_MAX,
            found: `${delay.toFixed(1)} ms in the worst minute`,
          },
          growthOf(measured.samples),
        ]
      : []),
  ]
}

function growthOf(samples: readonly Sample[]): Verdict {
  const end = samples.at(-1)?.seconds ?? 0
  const peak = (from: number, to: number) =>
    Math.max(...samples.filter(({ seconds }) => seconds >= from && seconds < to).map(({ rssBytes }) => rssBytes))
  const window = Math.min(WINDOW_SECONDS, (end - SETTLED_SECONDS) / 2)
  const line = 'memory does not grow after the first minute'
  if (window <= 0) return { line, holds: false, found: 'the run was too short to tell' }
  const before = peak(SETTLED_SECONDS, SETTLED_SECONDS + window)
  const after = peak(end - window, end + 1)
  return {
    line,
    holds: after <= before * (1 + GROWTH_SHARE_MAX),
    found: `at most ${mib(before)} MiB in the second minute, ${mib(after)} MiB in the last`,
  }
}

export function mib(bytes: number): string {
  return (bytes / (1 << 20)).toFixed(0)
}
