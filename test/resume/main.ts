/**
 * `npm run resume -- [--runs 20] [--mib 1024] [--seed N]`: pulls of one large file, each killed once at a random moment and
 * run again. Fails when a file is wrong or when more than 1.05 times its bytes were fetched.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import '../install-kernels.ts'
import { mustEnd, Stand, sha256Of } from '../interop/stand.ts'
import { killPull } from './killed-pull.ts'

const FETCHED_RATIO_MAX = 1.05
const BYTES_PER_SECOND = 100e6

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    mib: { type: 'string', default: '1024' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
  },
})
const [runs, mib, seed] = [Number(values.runs), Number(values.mib), Number(values.seed)]

/** The same shares for the same seed. */
function* shares(): Generator<number> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield 0.02 + 0.93 * (state / 2 ** 32)
  }
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}

const stand = await Stand.open()
let [passed, failed] = [0, 0]
try {
  write(`resume: ${runs} pulls of ${mib} MiB, seed ${seed}`)
  const folder = join(await stand.scratch(), 'in')
  const file = { path: 'model.bin', bytes: mib << 20, sha256: '' }
  await stand.randomFile(join(folder, file.path), file.bytes, `resume ${seed}`)
  file.sha256 = await sha256Of(join(folder, file.path))
  mustEnd(await stand.xorbit(['push', 'alice/resume', folder]), 'push')
  const next = shares()
  for (let run = 0; run < runs; run++) {
    const share = next.next().value as number
    const env: NodeJS.ProcessEnv = run % 4 === 3 ? { HF_HUB_DISABLE_XET: '1' } : {}
    const how = run % 4 === 3 ? 'plain' : 'xet'
    try {
      const { fetched, killedAt } = await killPull(stand, {
        repo: 'alice/resume',
        file,
        share,
        env,
        bytesPerSecond: BYTES_PER_SECOND,
      })
      const ratio = fetched / file.bytes
      const isGood = ratio <= FETCHED_RATIO_MAX
      isGood ? passed++ : failed++
      const at = `killed at ${((100 * killedAt) / file.bytes).toFixed(1)} %`
      write(`${isGood ? 'ok  ' : 'FAIL'} ${how.padEnd(5)} ${at}, fetched ${ratio.toFixed(4)} of its bytes`)
    } catch (error) {
      failed++
      write(`FAIL ${how} at share ${share.toFixed(3)}: ${(error as Error).message}`)
    }
  }
} finally {
  await stand.close()
}
write(`resume: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
