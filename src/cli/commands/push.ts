/** `xorbit push REPO [PATH…]`. */
import { type PlannedFile, push } from '../../actions/push.ts'
import { COMMAND_HEAP, collectEarly } from '../../app/collect-early.ts'
import type { Flags, Io } from '../output.ts'
import { Progress, progressMode } from '../progress.ts'
import { countOf, formatBytes, formatSeconds, printable } from '../quantities.ts'
import { formatTable } from '../table.ts'
import { countFlag, hubFlags, limitFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([repo = '', ...paths]: string[], flags: Flags, io: Io): Promise<void> {
  const progress = new Progress(progressMode(flags, io), io)
  const stopCollecting = collectEarly(COMMAND_HEAP)
  const dryRun = flags.dryRun === true
  try {
    const { commit, url, changed, bytes, ignored, files, seconds, plan } = await push({
      ...hubFlags(flags),
      ...repoFlags(flags),
      ...limitFlags(flags),
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
        if (event.event !== 'file' || dryRun) return
        const { path, bytes: size, fileHash, sha256 } = event.file
        io.event('file', { path, bytes: size, fileHash, sha256 })
      },
    })
    progress.end()
    for (const path of ignored) io.note(`left out by .gitignore: ${printable(path)}`)
    if (plan !== undefined) sayPlan(plan, io)
    io.event('done', { commit, url, changed, bytes, seconds: Math.round(seconds * 1000) / 1000 })
    if (dryRun) {
      const rest = formatBytes(bytes.total - bytes.deduplicated)
      const same = bytes.deduplicated > 0 ? `, ${formatBytes(bytes.deduplicated)} are there as they are` : ''
      if (!io.quiet) io.line(`${countOf(files, 'file')}: would push ${rest}, less the chunks that the Hub has${same}`)
    } else if (io.quiet) io.line(commit)
    else if (!changed)
      io.line(`${countOf(files, 'file')}: nothing changed, the repository is at ${commit.slice(0, 12)}`)
    else {
      const saved = `${formatBytes(bytes.sent)} sent, ${formatBytes(bytes.deduplicated)} of ${formatBytes(bytes.total)} were there`
      io.line(`${countOf(files, 'file')}: ${saved}, in ${formatSeconds(seconds)}`)
      io.line(url)
    }
  } finally {
    stopCollecting()
    progress.end()
  }
}

/** A table of what is new, changed and as it was. */
function sayPlan(plan: readonly PlannedFile[], io: Io): void {
  for (const { path, bytes, change } of plan) {
    io.event('file', { path, bytes, change })
    if (io.quiet) io.line(printable(path))
  }
  if (io.quiet || io.json || plan.length === 0) return
  const columns = [{ title: 'size', right: true }, { title: 'change' }, { title: 'file' }]
  const rows = plan.map(({ path, bytes, change }) => [formatBytes(bytes), change, printable(path)])
  for (const line of formatTable(columns, rows)) io.line(line)
}
