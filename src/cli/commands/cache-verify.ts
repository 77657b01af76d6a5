/** `xorbit cache verify [REPO…]`: hashes all that lies there; exit code 15 on a difference. */
import { type CacheDifference, verifyCache } from '../../actions/cache-verify.ts'
import { AppError } from '../../base/app-error.ts'
import type { Flags, Io } from '../output.ts'
import { Progress, progressMode } from '../progress.ts'
import { countOf, printable } from '../quantities.ts'
import { listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run(targets: string[], flags: Flags, io: Io): Promise<void> {
  const progress = new Progress(progressMode(flags, io), io)
  try {
    const { checked, differences, unknown } = await verifyCache({
      targets,
      ...{ cacheDir: textFlag(flags, 'cacheDir'), repoType: repoFlags(flags).repoType },
      ...{ include: listFlag(flags, 'include'), exclude: listFlag(flags, 'exclude') },
      signal: io.signal,
      onProgress: progress.on,
      onDifference(difference) {
        progress.pause()
        io.event('difference', { ...difference, remedy: remedyOf(difference) })
        io.line(io.quiet ? printable(difference.localPath) : describe(difference))
      },
    })
    progress.end()
    io.event('done', { checked, differences, unknown })
    if (!io.quiet) {
      const unsaid = unknown > 0 ? `; of ${countOf(unknown, 'more file')} nothing says what they should be` : ''
      io.line(`${countOf(checked, 'file')} checked, ${differences} differ${unsaid}`)
    }
    if (differences === 0) return
    const message = `${differences} of ${countOf(checked, 'file')} in the cache differ: do what stands beside each`
    throw new AppError('integrity', 'VERIFY_DIFFERENCES', message, { data: { differences } })
  } finally {
    progress.end()
  }
}

function describe(difference: CacheDifference): string {
  const { repo, path, expected, actual } = difference
  const where = repo === null ? path : `${repo}: ${path}`
  return `differs: ${printable(where)}: expected ${expected}, is ${actual}\n  ${printable(remedyOf(difference))}`
}

/** A pull looks at sizes and times of what it has proved before, so that one has to be told to hash again. */
function remedyOf({ repo, localPath, actual }: CacheDifference): string {
  if (repo === null) return `rm ${localPath}`
  return actual === 'missing' ? `xorbit pull ${repo}` : `xorbit pull ${repo} --paranoid`
}
