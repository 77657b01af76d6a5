/** `xorbit push REPO [PATH…]`. */
import { push } from '../../actions/push.ts'
import type { Flags, Io } from '../output.ts'
import { Progress, progressMode } from '../progress.ts'
import { countOf, formatBytes, formatSeconds, printable } from '../quantities.ts'
import { keepMemoryLow } from '../short-lived-memory.ts'
import { countFlag, hubFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([repo = '', ...paths]: string[], flags: Flags, io: Io): Promise<void> {
  const progress = new Progress(progressMode(flags, io), io)
  const dryRun = flags.dryRun === true
  try {
    const { commit, url, changed, bytes, ignored, files, seconds } = await push({
      ...hubFlags(flags),
      ...repoFlags(flags),
      repo,
      paths,
      include: listFlag(flags, 'include'),
      exclude: listFlag(flags, 'exclude'),
      message: textFlag(flags, 'message'),
      isPrivate: flags.private === true,
      maxWorkers: countFlag(flags, 'maxWorkers', '--max-workers'),
      dryRun,
      signal: io.signal,
      onProgress(event) {
        progress.on(event)
        keepMemoryLow(event.event === 'bytes' ? event.bytes : 0)
        if (event.event !== 'file') return
        const { path, bytes: size, fileHash, sha256 } = event.file
        io.event('file', { path, bytes: size, fileHash, sha256 })
        if (dryRun) io.line(io.quiet ? printable(path) : `${formatBytes(size).padStart(8)}  ${printable(path)}`)
      },
    })
    progress.end()
    for (const path of ignored) io.note(`left out by .gitignore: ${printable(path)}`)
    io.event('done', { commit, url, changed, bytes, seconds: Math.round(seconds * 1000) / 1000 })
    if (dryRun) {
      if (!io.quiet)
        io.line(`${countOf(files, 'file')}, ${formatBytes(bytes.total)}: would push what the Hub does not have`)
    } else if (io.quiet) io.line(commit)
    else if (!changed)
      io.line(`${countOf(files, 'file')}: nothing changed, the repository is at ${commit.slice(0, 12)}`)
    else {
      const saved = `${formatBytes(bytes.sent)} sent, ${formatBytes(bytes.deduplicated)} of ${formatBytes(bytes.total)} were there`
      io.line(`${countOf(files, 'file')}: ${saved}, in ${formatSeconds(seconds)}`)
      io.line(url)
    }
  } finally {
    progress.end()
  }
}
