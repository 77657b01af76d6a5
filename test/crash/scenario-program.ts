/** Run as a program, `NAME WORLD`: does one scenario and says on standard output what it was told. */
import { writeSync } from 'node:fs'
import { installBestKernels } from '../../src/app/install-kernels.ts'
import { CALL_NUMBERS } from './call-reader.ts'
import { speaking } from './facts.ts'
import { stopAtCalls } from './kernel.ts'
import { SCENARIOS } from './scenarios.ts'

const [, , name, world] = process.argv
await installBestKernels()
const scenario = SCENARIOS.find((one) => one.name === name)
if (scenario === undefined || world === undefined) throw new Error(`No scenario ${name}`)
if (process.env.XORBIT_CRASH_TRACED === '1') stopAtCalls(CALL_NUMBERS)
await scenario.run(world, speaking((line) => writeSync(1, `${line}\n`)))
