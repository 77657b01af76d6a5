/**
 * `npm run interop -- [--full] [--only WORD]`: our server and our client with real clients that are not ours. Installs
 * them by name from PyPI and crates.io into .venvs/. Ends with `interop: N passed, N failed`; the exit code is 0 if none
 * failed. With `--build` it only compiles the Rust ones, so that this can be done beside something else.
 */
import { parseArgs } from 'node:util'
import { type Check, runCheck, type Tally } from './check.ts'
import { cacheChecks } from './checks/cache.ts'
import { runConformance } from './checks/conformance.ts'
import { crateChecks } from './checks/crate.ts'
import { damageChecks } from './checks/damage.ts'
import { foreignCasChecks } from './checks/foreign-cas.ts'
import { killChecks } from './checks/kill.ts'
import { oneCacheChecks } from './checks/one-cache.ts'
import { restoreChecks } from './checks/restore.ts'
import { roundTripChecks } from './checks/round-trip.ts'
import { rustClients } from './rust-clients.ts'
import { Stand } from './stand.ts'

const isSet = { type: 'boolean', default: false } as const
const { values } = parseArgs({ options: { full: isSet, build: isSet, only: { type: 'string' } } })
if (values.build) {
  await rustClients()
  process.exit()
}
const tally: Tally = { passed: 0, failed: 0 }
const wants = (name: string) => values.only === undefined || name.includes(values.only)

async function runAll(makeChecks: (stand: Stand) => Check[]): Promise<void> {
  const stand = await Stand.open()
  try {
    for (const check of makeChecks(stand)) if (wants(check.name)) await runCheck(tally, check)
  } finally {
    await stand.close()
  }
}

if (wants('sceptic')) await runConformance(tally)
// Each with its own home: a kill or a damaged byte must not spoil what another check measures.
for (const makeChecks of [
  (stand: Stand) => roundTripChecks(stand, values.full),
  damageChecks,
  killChecks,
  restoreChecks,
  crateChecks,
  cacheChecks,
  oneCacheChecks,
])
  await runAll(makeChecks)
// Its server takes minutes to compile.
if (values.full || values.only?.startsWith('foreign')) await runAll(foreignCasChecks)
process.stdout.write(`interop: ${tally.passed} passed, ${tally.failed} failed\n`)
process.exitCode = tally.failed === 0 ? 0 : 1
