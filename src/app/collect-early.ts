/**
 * Has V8 collect its young generation whenever some MiB of buffers came up since the last time. Buffers of sockets and
 * files live for milliseconds, but V8 sees only their small handles, lets their bytes pile up, and then collects the
 * whole heap: some 2 ms now and then instead of 13 ms and more for every 20 MiB that pass.
 *
 * A command has two more bounds (`COMMAND_HEAP`). What is at work during two such collections grows old, and V8 lets the
 * old generation become some 100 MiB larger before it looks there: what a transfer of many files leaves behind is collected
 * earlier, 30 ms for a few thousand files. And the young generation stays small, which V8 would let grow to 128 MiB.
 *
 * A server is given room (`SERVER_HEAP`). Once V8 has collected a small heap it does so again for every MiB more, buffers
 * counted: an upload of a GiB had it collect 25 MiB some thirty times, half of what the upload cost.
 */
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const LOOK_MS = 10
const BYTES_BETWEEN = 16 * 1024 * 1024
/** In percent of the heap. */
const GROWTH_MAX = 400
const GROWTH_STEP = 10

/** A server with nothing to do looks once a second whether its heap has grown by so much since it last gave some back. */
const IDLE_LOOK_MS = 1_000
const IDLE_SHARE_MAX = 0.1
const IDLE_BYTES_BETWEEN = 8 * 1024 * 1024

type Collect = (options: { readonly type: 'minor' | 'major'; readonly flavor?: 'last-resort' }) => void

/** Each is as V8 sees fit when left out. */
export interface CollectEarlyOptions {
  /** The whole heap is collected when it, or what it holds outside, grew by so much since the last time. */
  readonly wholeEvery?: number
  /** From here on the young generation grows no more, also after the returned function is called. */
  readonly youngBytes?: number
  /** What a heap of at most twice as much may grow by before V8 collects all of it. */
  readonly room?: number
}

export const COMMAND_HEAP: CollectEarlyOptions = { wholeEvery: 24 * 1024 * 1024, youngBytes: 16 * 1024 * 1024 }
export const SERVER_HEAP: CollectEarlyOptions = { room: 64 * 1024 * 1024 }

/** Until the returned function is called. */
export function collectEarly({
  wholeEvery = Number.POSITIVE_INFINITY,
  youngBytes,
  room = 0,
}: CollectEarlyOptions): () => void {
  const collect = findCollect()
  let floor = heapSizes().outside
  let wholeFloor = heapSizes().all
  let mayGrow = true
  let growth = 0
  const timer = setInterval(() => {
    const { inside, outside, all } = heapSizes()
    if (youngBytes !== undefined && bytesOfYoung() < youngBytes !== mayGrow) {
      mayGrow = !mayGrow
      setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`)
    }
    const wanted = growthPercent(inside, room)
    if (Math.abs(wanted - growth) >= GROWTH_STEP) {
      growth = wanted
      setFlagsFromString(`--heap-growing-percent=${growth}`)
    }
    if (all - wholeFloor >= wholeEvery) {
      collect({ type: 'major' })
      floor = heapSizes().outside
      wholeFloor = heapSizes().all
      return
    }
    wholeFloor = Math.min(wholeFloor, all)
    if (outside - floor >= BYTES_BETWEEN) {
      collect({ type: 'minor' })
      floor = heapSizes().outside
    } else floor = Math.min(floor, outside)
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * While nothing is asked, gives back what answering has left in the heap, in some 40 ms that nobody waits for: by itself V8
 * lets it grow to several times of what is in use. Until the returned function is called.
 */
export function collectWhenIdle(): () => void {
  const collect = findCollect()
  // What the start took is given back, too.
  let floor = 0
  let last = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    if (utilization > IDLE_SHARE_MAX) return
    if (getHeapStatistics().total_heap_size - floor < IDLE_BYTES_BETWEEN) return
    collect({ type: 'major', flavor: 'last-resort' })
    floor = getHeapStatistics().total_heap_size
  }, IDLE_LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Gives back what loading the program took, 12 MiB in some 40 ms: before work that is worth it. */
export function collectStartUp(): void {
  findCollect()({ type: 'major', flavor: 'last-resort' })
}

function findCollect(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}

/** 0: as V8 sees fit. */
function growthPercent(heapBytes: number, room: number): number {
  return heapBytes > 2 * room ? 0 : Math.min(Math.round((100 * room) / heapBytes), GROWTH_MAX)
}

function heapSizes(): { readonly inside: number; readonly outside: number; readonly all: number } {
  const { external_memory: outside, used_heap_size: inside } = getHeapStatistics()
  return { inside, outside, all: outside + inside }
}

function bytesOfYoung(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0
}
