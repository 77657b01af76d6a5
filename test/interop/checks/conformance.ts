/** The sceptic's script in a network namespace that has nothing but loopback: offline is enforced, not promised. */
import { join } from 'node:path'
import { ROOT, runProgram } from '../../farm/hub-process.ts'
import { report, type Tally } from '../check.ts'
import { hub1, hub2 } from '../venvs.ts'

const SKIP = 'js transformers datasets api1 api2 git'
const RUN_MS = 900_000
/** The only check that cannot hold where no namespace may be made. */
const NEEDS_NAMESPACE = 'no-outside'

export async function runConformance(tally: Tally): Promise<void> {
  const env = { ...process.env, PY2: await hub2('1.8.0'), PY1: await hub1(), SKIP }
  const command = [process.execPath, join(ROOT, 'test', 'interop', 'sceptic.ts')]
  const { code } = await runProgram('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'])
  const isolated = code === 0
  if (!isolated) process.stdout.write('note: no network namespace may be made here; the network stays in reach\n')
  const inside = ['-n', 'bash', '-c', 'ip link set lo up && exec "$@"', 'bash', ...command]
  const [file, args] = isolated ? ['unshare', inside] : [process.execPath, command.slice(1)]
  const finished = await runProgram(file as string, args as string[], { env, timeoutMs: RUN_MS })
  const runs = { first: 0, second: 0 }
  let failure: string | null = null
  const flush = () => {
    if (failure === null) return
    const [name = '', ...why] = failure.split('\n')
    report(tally, name, why.join(' '))
    failure = null
  }
  for (const line of finished.stdout.split('\n')) {
    const [round = '', text = ''] = line.split('\t')
    const outcome = /^(ok {3}|FAIL )(.*)$/.exec(text)
    if (outcome === null) {
      if (failure !== null && text !== '') failure += `\n${text}`
      continue
    }
    flush()
    const name = `sceptic ${round} run: ${outcome[2]}`
    runs[round as 'first' | 'second']++
    if (outcome[1] === 'ok   ') report(tally, name, null)
    else if (isolated || outcome[2] !== NEEDS_NAMESPACE) failure = name
  }
  flush()
  const whole = runs.first > 15 && runs.first === runs.second
  report(tally, 'sceptic ran twice', whole ? null : `${JSON.stringify(runs)} checks: ${finished.stderr.slice(-500)}`)
}
