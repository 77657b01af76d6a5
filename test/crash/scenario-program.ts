/** Run as a program, `NAME WORLD`: does one scenario and says on standard output what it was told. */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { installBestKernels } from '../../src/app/install-kernels.ts'
import { ManualClock, systemClock } from '../../src/base/clock.ts'
import { CALL_NUMBERS } from './call-reader.ts'
import { speaking } from './facts.ts'
import { stopAtCalls } from './kernel.ts'
import { SCENARIOS } from './scenarios.ts'
import { openPlace, servedPlace, withServer, withStand } from './stand.ts'

const [, , name, world] = process.argv
await installBestKernels()
const scenario = SCENARIOS.find((one) => one.name === name)
if (scenario === undefined || world === undefined) throw new Error(`No scenario ${name}`)
if (process.env.XORBIT_CRASH_TRACED === '1') stopAtCalls(CALL_NUMBERS)
const say = speaking((line) => writeSync(1, `${line}\n`))
const home = join(world, 'home')
const { daysAfter } = scenario
if (daysAfter === undefined) {
  await withServer(home, say, (client) => scenario.run(servedPlace({ world, client, say })))
} else {
  const clock = new ManualClock(systemClock.nowSeconds() + daysAfter * 86_400)
  await withStand(home, { clock, say }, (stand) => scenario.run(openPlace({ world, say, clock }, stand)))
}
