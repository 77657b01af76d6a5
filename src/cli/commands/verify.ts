/** `xorbit verify REF`: what is on disk against what the Hub lists; exit code 15 on a difference. */
import { verify } from '../../actions/verify.ts'
import { AppError } from '../../base/app-error.ts'
import type { Flags, Io } from '../output.ts'
import { Progress, progressMode } from '../progress.ts'
import { printable } from '../quantities.ts'
import { hubFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([ref]: string[], flags: Flags, io: Io): Promise<void> {
  if (ref === undefined) throw new AppError('usage', 'REF_MISSING', 'Name what to verify: xorbit verify NS/NAME')
  const progress = new Progress(progressMode(flags, io), io)
  const { checked, differences, commit } = await verify({
    ...hubFlags(flags),
    ...repoFlags(flags),
    ref,
    localDir: textFlag(flags, 'localDir'),
    cacheDir: textFlag(flags, 'cacheDir'),
    include: listFlag(flags, 'include'),
    exclude: listFlag(flags, 'exclude'),
    signal: io.signal,
    onProgress: progress.on,
    onDifference(difference) {
      progress.pause()
      io.event('difference', { ...difference })
      const { path, expected, actual } = difference
      io.line(io.quiet ? printable(path) : `differs: ${printable(path)}: expected ${expected}, is ${actual}`)
    },
  }).finally(() => progress.end())
  io.event('done', { checked, differences, commit })
  if (!io.quiet) io.line(`${checked} files checked at ${commit.slice(0, 12)}, ${differences} differ`)
  if (differences > 0) {
    const advice = 'delete them and pull again'
    throw new AppError('integrity', 'VERIFY_DIFFERENCES', `${differences} of ${checked} files differ: ${advice}`)
  }
}
