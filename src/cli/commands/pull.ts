/** `xorbit pull REF [FILE…]`. */
import { pull } from '../../actions/pull.ts'
import type { Flags, Io } from '../output.ts'
import { countOf, formatBytes, formatSeconds, Progress, printable, progressMode } from '../progress.ts'
import { keepMemoryLow } from '../short-lived-memory.ts'
import { countFlag, hubFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([ref = '', ...files]: string[], flags: Flags, io: Io): Promise<void> {
  const progress = new Progress(progressMode(flags, io), io)
  const dryRun = flags.dryRun === true
  try {
    const {
      commit,
      snapshot,
      files: outcomes,
      bytes,
      seconds,
    } = await pull({
      ...hubFlags(flags),
      ...repoFlags(flags),
      ref,
      files,
      include: listFlag(flags, 'include'),
      exclude: listFlag(flags, 'exclude'),
      localDir: textFlag(flags, 'localDir'),
      cacheDir: textFlag(flags, 'cacheDir'),
      maxWorkers: countFlag(flags, 'maxWorkers', '--max-workers'),
      dryRun,
      signal: io.signal,
      onProgress(event) {
        progress.on(event)
        keepMemoryLow(event.event === 'bytes' ? event.bytes : 0)
        if (event.event === 'file') {
          const { path, bytes, fileHash, sha256 } = event.file
          io.event('file', { path, bytes, fileHash, sha256 })
        }
      },
    })
    progress.end()
    if (dryRun) {
      for (const { path, bytes: size, fileHash, sha256 } of outcomes) {
        io.event('file', { path, bytes: size, fileHash, sha256 })
        io.line(io.quiet ? printable(path) : `${formatBytes(size).padStart(8)}  ${printable(path)}`)
      }
    }
    io.event('done', { commit, snapshot, bytes, seconds: Math.round(seconds * 1000) / 1000 })
    if (io.quiet && !dryRun) io.line(snapshot)
    if (io.quiet) return
    const verb = dryRun ? 'would fetch' : 'fetched'
    const reused = bytes.cache > 0 ? `, ${formatBytes(bytes.cache)} were here` : ''
    const time = dryRun ? '' : ` in ${formatSeconds(seconds)}`
    io.line(
      `${countOf(outcomes.length, 'file')} at ${commit.slice(0, 12)}: ${verb} ${formatBytes(bytes.origin)}${reused}${time}`,
    )
    io.line(snapshot)
  } finally {
    progress.end()
  }
}
