/**
 * `npm run resume -- [--runs 20] [--pushes 20] [--pairs 2] [--mib 1024] [--seed N]`: pulls and pushes of one large file,
 * each killed once at a random moment and run again; and pairs of pulls into one cache, of which one is killed. Fails
 * when a file is wrong or when too many bytes were moved twice.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import '../install-kernels.ts'
import { mustEnd, Stand, sha256Of } from '../interop/stand.ts'
import { killOneOfTwo } from './killed-pair.ts'
import { type KilledRun, killPull } from './killed-pull.ts'
import { killPush } from './killed-push.ts'

const BYTES_PER_SECOND = 100e6

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    pushes: { type: 'string', default: '20' },
    pairs: { type: 'string', default: '2' },
    mib: { type: 'string', default: '1024' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
  },
})
const [runs, pushes, pairs, mib, seed] = [values.runs, values.pushes, values.pairs, values.mib, values.seed].map(
  Number,
) as [number, number, number, number, number]

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

type Direction = 'pull by Xet' | 'pull by plain HTTP' | 'pair of pulls' | 'push'
/** What may be lost, in MiB: of a pull one window a stream and what lies in sockets, of a push the xorbs on their way. */
const LOST_MIB_MAX: Readonly<Record<Direction, number>> = {
  // The other one may fetch all of it too.
  'pair of pulls': 1.05 * mib,
  'pull by Xet': 0.05 * 1024,
  'pull by plain HTTP': 0.05 * 1024,
  push: 3 * 33,
}

const stand = await Stand.open()
const folder = join(await stand.scratch(), 'in')
const file = { path: 'model.bin', bytes: mib << 20, sha256: '' }

async function makeFile(name: string): Promise<void> {
  await stand.randomFile(join(folder, file.path), file.bytes, `resume ${seed} ${name}`)
  file.sha256 = await sha256Of(join(folder, file.path))
}

async function killOnce(direction: Direction, share: number, run: number): Promise<KilledRun> {
  const common = { share, file, bytesPerSecond: BYTES_PER_SECOND }
  if (direction === 'pair of pulls') return killOneOfTwo(stand, { ...common, repo: 'alice/resume' })
  if (direction !== 'push') {
    const env: NodeJS.ProcessEnv = direction === 'pull by Xet' ? {} : { HF_HUB_DISABLE_XET: '1' }
    return killPull(stand, { ...common, repo: 'alice/resume', env })
  }
  await makeFile(`push ${run}`)
  return killPush(stand, { ...common, repo: `alice/resume-push-${run}`, folder })
}

let [passed, failed] = [0, 0]
async function report(direction: Direction, share: number, run: number): Promise<void> {
  try {
    const { moved, killedAt } = await killOnce(direction, share, run)
    const ratio = moved / file.bytes
    const isGood = moved <= file.bytes + LOST_MIB_MAX[direction] * 2 ** 20
    isGood ? passed++ : failed++
    const at = `killed at ${((100 * killedAt) / file.bytes).toFixed(1)} %`
    write(`${isGood ? 'ok  ' : 'FAIL'} ${direction}, ${at}, moved ${ratio.toFixed(4)} of its bytes`)
  } catch (error) {
    failed++
    write(`FAIL ${direction} at share ${share.toFixed(3)}: ${(error as Error).message}`)
  }
}

try {
  write(`resume: ${runs} pulls, ${pairs} pairs of pulls and ${pushes} pushes of ${mib} MiB, seed ${seed}`)
  await makeFile('pull')
  mustEnd(await stand.xorbit(['push', 'alice/resume', folder]), 'push')
  const next = shares()
  for (let run = 0; run < runs; run++) {
    await report(run % 4 === 3 ? 'pull by plain HTTP' : 'pull by Xet', next.next().value as number, run)
  }
  for (let run = 0; run < pairs; run++) await report('pair of pulls', next.next().value as number, run)
  for (let run = 0; run < pushes; run++) await report('push', next.next().value as number, run)
} finally {
  await stand.close()
}
write(`resume: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
