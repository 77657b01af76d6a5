/** `xorbit scrub`: reads and checks all that is stored. */
import { withCare } from '../../actions/open-care.ts'
import { AppError } from '../../base/app-error.ts'
import { homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import type { Flags, Io } from '../output.ts'
import { formatBytes } from '../progress.ts'

const MIB = 1024 * 1024

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const bytesPerSecond = parseRate(flags.rate as string | undefined)
  const options = { bytesPerSecond, restart: flags.restart === true, signal: io.signal }
  const state = await withCare(home, createLog('error'), (care) => care.scrub(options))
  for (const problem of state.problems) {
    io.event('problem', { ...problem })
    io.line(`${problem.kind} ${problem.name}: ${problem.problem}`)
  }
  const { checked, bytes, problemCount } = state
  const isWhole = state.finishedSeconds !== null
  io.line(`${isWhole ? 'checked' : 'stopped after'} ${checked} items, ${formatBytes(bytes)}: ${problemCount} problems`)
  if (problemCount > 0) {
    const message = `${problemCount} stored items are damaged: push their files again, then xorbit scrub --restart`
    throw new AppError('damaged', 'VERIFY_DIFFERENCES', message, { data: { checked, problems: problemCount } })
  }
  io.event('done', { checked, bytes, problems: problemCount, finished: isWhole })
}

function parseRate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const rate = Number(text)
  if (rate > 0 && Number.isFinite(rate)) return rate * MIB
  throw new AppError('usage', 'FLAG_INVALID', `--rate ${text}: MiB a second, more than 0`)
}
