/**
 * Runs test/conformance/hub/sceptic.sh twice against one server, and prints its lines. Started by the check of its name
 * inside a network namespace that has only loopback; SKIP and the environments come from there.
 */
import { join } from 'node:path'
import { ROOT, runProgram } from '../farm/hub-process.ts'
import { Stand } from './stand.ts'

const SCRIPT = join(ROOT, 'test', 'conformance', 'hub', 'sceptic.sh')

const stand = await Stand.open()
let failed = 0
try {
  for (const round of ['first', 'second']) {
    const env = { ...process.env, U: stand.hub.url, T: stand.alice, R: stand.bob, WORK: await stand.scratch() }
    const { code, stdout, stderr } = await runProgram('bash', [SCRIPT], { env, timeoutMs: 600_000 })
    for (const line of stdout.trim().split('\n')) process.stdout.write(`${round}\t${line}\n`)
    process.stderr.write(stderr)
    failed += code ?? 1
  }
} finally {
  await stand.close()
}
process.exitCode = failed === 0 ? 0 : 1
