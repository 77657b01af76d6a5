/**
 * Loaded into the server by `NODE_OPTIONS=--import`: how late its timers run, and how much of that is the thread's own
 * work. On a machine that others share, the rest is waiting for a processor. A line of JSON for every part of a run.
 */

import { appendFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../../src/base/clock.ts'

const file = process.env.SCALE_DELAY_FILE
const LOOK_MS = 10
const PART_MS = 15_000

interface Late {
  readonly wall: number
  /** At most what the thread computed since the look before. */
  readonly own: number
}

if (isMainThread && file !== undefined && process.argv.includes('serve')) {
  const cpuMs = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let looks: Late[] = []
  let before = { at: systemClock.monotonicMs(), cpu: cpuMs() }
  let partEnds = before.at + PART_MS
  setInterval(() => {
    const now = { at: systemClock.monotonicMs(), cpu: cpuMs() }
    const wall = Math.max(now.at - before.at - LOOK_MS, 0)
    looks.push({ wall, own: Math.min(wall, now.cpu - before.cpu) })
    before = now
    if (now.at < partEnds) return
    const at = (pick: keyof Late, share: number) => {
      const sorted = looks.map((late) => late[pick]).sort((a, b) => a - b)
      return Number(sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)]?.toFixed(1))
    }
    const part = { wall99: at('wall', 0.99), own50: at('own', 0.5), own99: at('own', 0.99), ownMax: at('own', 1) }
    appendFileSync(file, `${JSON.stringify(part)}\n`)
    looks = []
    partEnds = now.at + PART_MS
  }, LOOK_MS).unref()
}
