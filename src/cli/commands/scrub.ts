/** `xorbit scrub`: reads and checks all that is stored. */
import type { Care } from '../../actions/care.ts'
import { withCare } from '../../actions/open-care.ts'
import type { ScrubProblem } from '../../actions/scrub.ts'
import { AppError } from '../../base/app-error.ts'
import { homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import type { Flags, Io } from '../output.ts'
import { formatBytes } from '../quantities.ts'

const MIB = 1024 * 1024

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const bytesPerSecond = parseRate(flags.rate as string | undefined)
  const options = { bytesPerSecond, restart: flags.restart === true, signal: io.signal }
  const from = flags.from as string | undefined
  await withCare(home, createLog('error'), async (care) => {
    const state = await care.scrub(options)
    const { checked, bytes, problemCount, problems } = state
    const isWhole = state.finishedSeconds !== null
    for (const problem of problems) {
      io.event('problem', { ...problem })
      io.line(`${problem.kind} ${problem.name}: ${problem.problem}`)
    }
    io.line(
      `${isWhole ? 'checked' : 'stopped after'} ${checked} items, ${formatBytes(bytes)}: ${problemCount} problems`,
    )
    const isHealed = from !== undefined && problemCount > 0 && (await repair(care, { from, problems, io }))
    if (problemCount > 0 && !(isHealed && problemCount === problems.length)) {
      const message = isHealed
        ? `${problemCount} stored items are damaged, and only ${problems.length} were named: the same command with --restart goes on`
        : `${problemCount} stored items are damaged: push their files again, then xorbit scrub --restart`
      throw new AppError('damaged', 'VERIFY_DIFFERENCES', message, { data: { checked, problems: problemCount } })
    }
    io.event('done', { checked, bytes, problems: problemCount, finished: isWhole })
  })
}

/** Whether all files that were named are whole again. */
async function repair(care: Care, { from, problems, io }: { from: string; problems: readonly ScrubProblem[]; io: Io }) {
  const files = problems.filter(({ kind }) => kind === 'file').map(({ name }) => name)
  const token = process.env.HF_TOKEN || null
  const { repaired, missing } = await care.repair({ endpoint: from, token, files, signal: io.signal })
  for (const file of repaired) {
    io.event('repaired', { file })
    io.line(`file ${file}: whole again, from ${from}`)
  }
  for (const { file, why } of missing) {
    io.event('missing', { file, why })
    io.line(`file ${file}: ${why}`)
  }
  return missing.length === 0
}

function parseRate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const rate = Number(text)
  if (rate > 0 && Number.isFinite(rate)) return rate * MIB
  throw new AppError('usage', 'FLAG_INVALID', `--rate ${text}: MiB a second, more than 0`)
}
