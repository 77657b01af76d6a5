/**
 * Loaded into the server by `NODE_OPTIONS=--import`: how late its timers run, a line of JSON twice a second into the file
 * that HELD_LOOP_FILE names. Time that the thread stood in the queue for a processor does not count: on a machine that
 * others share that is theirs. What is left the thread held itself, computing or waiting in a call.
 */
import { appendFileSync, closeSync, openSync, readSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../src/base/clock.ts'

const LOOK_MS = 5
const LINE_MS = 500
const file = process.env.HELD_LOOP_FILE

/** One line of the file: when it was written, and how late each look before it was. */
export interface HeldLine {
  readonly atMs: number
  readonly heldMs: readonly number[]
}

if (isMainThread && file !== undefined && process.argv.includes('serve')) {
  const waitedMs = queueTime()
  let looks: number[] = []
  let before = { at: systemClock.monotonicMs(), waited: waitedMs() }
  let lineAt = before.at + LINE_MS
  setInterval(() => {
    const now = { at: systemClock.monotonicMs(), waited: waitedMs() }
    looks.push(Math.max(now.at - before.at - LOOK_MS - (now.waited - before.waited), 0))
    before = now
    if (now.at < lineAt) return
    const line: HeldLine = { atMs: systemClock.nowMs(), heldMs: looks.map((ms) => Number(ms.toFixed(1))) }
    appendFileSync(file, `${JSON.stringify(line)}\n`)
    looks = []
    lineAt = now.at + LINE_MS
  }, LOOK_MS).unref()
}

/** Milliseconds that this thread has waited for a processor since it began. */
function queueTime(): () => number {
  const stat = openSync('/proc/thread-self/schedstat', 'r')
  process.once('exit', () => closeSync(stat))
  const bytes = Buffer.alloc(128)
  return () => {
    const length = readSync(stat, bytes, 0, bytes.length, 0)
    return Number(bytes.toString('latin1', 0, length).split(' ')[1]) / 1e6
  }
}
