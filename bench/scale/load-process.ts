/**
 * A load process: its share of the pullers and pushers, each beginning its next round as soon as the last one ended.
 * Reads a plan (a file's path is its argument) and prints `ready`; after a line on its standard input it works for the
 * plan's seconds, then prints its result as one line.
 */

import { readFile } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { installBestKernels } from '../../src/app/install-kernels.ts'
import { systemClock } from '../../src/base/clock.ts'
import { Caller } from './caller.ts'
import { Latencies } from './latencies.ts'
import type { LoadPlan, LoadResult } from './plan.ts'
import { knowRepos, Puller } from './puller.ts'
import { Pusher } from './pusher.ts'

const ERRORS_KEPT = 20
/** Clients have processors of their own: here they must not take the server's while it is judged. */
const NICE = 10

setPriority(Math.min(getPriority() + NICE, 19))

const plan = JSON.parse(await readFile(process.argv[2] as string, 'utf8')) as LoadPlan
await installBestKernels()
const latencies = new Latencies()
const caller = new Caller()
const known = await knowRepos(plan.real)
const pullers = Array.from({ length: plan.pullers }, (_, i) => new Puller(plan, { caller, latencies, known }, 7 * i))
const pushers = Array.from(
  { length: plan.pushers },
  (_, i) => new Pusher(plan, { caller, latencies }, plan.firstPusher + i),
)
process.stdout.write('ready\n')
for await (const _line of createInterface({ input: process.stdin })) break

const until = systemClock.monotonicMs() + plan.seconds * 1000
const errors: string[] = []

async function repeat(round: () => Promise<void>): Promise<void> {
  while (systemClock.monotonicMs() < until) {
    try {
      await round()
    } catch (error) {
      errors.push(String(error).slice(0, 400))
      if (errors.length >= ERRORS_KEPT) return
    }
  }
}

await Promise.all([
  ...pullers.map((puller) => repeat(() => puller.pull())),
  ...pushers.map((pusher) => repeat(() => pusher.push())),
])
caller.close()
const result: LoadResult = {
  latencies: latencies.toJson(),
  errors,
  pulledBytes: pullers.reduce((sum, { pulledBytes }) => sum + pulledBytes, 0),
  pushedBytes: pushers.reduce((sum, { pushedBytes }) => sum + pushedBytes, 0),
}
process.stdout.write(`${JSON.stringify(result)}\n`)
