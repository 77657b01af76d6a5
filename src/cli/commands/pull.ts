/** `xorbit pull REF [FILE…]`. */
import { type PullResult, pull } from '../../actions/pull.ts'
import { COMMAND_HEAP, collectEarly, collectStartUp } from '../../app/collect-early.ts'
import type { Flags, Io } from '../output.ts'
import { Progress, progressMode } from '../progress.ts'
import { countOf, formatBytes, formatSeconds, printable } from '../quantities.ts'
import { formatTable } from '../table.ts'
import { countFlag, hubFlags, limitFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

/** A pull of so much takes long enough for its memory to matter. */
const LARGE_BYTES = 64e6

export async function run([ref = '', ...files]: string[], flags: Flags, io: Io): Promise<void> {
  const progress = new Progress(progressMode(flags, io), io)
  const stopCollecting = collectEarly(COMMAND_HEAP)
  const dryRun = flags.dryRun === true
  try {
    const {
      commit,
      snapshot,
      files: outcomes,
      bytes,
      seconds,
      here,
    } = await pull({
      ...hubFlags(flags),
      ...repoFlags(flags),
      ...limitFlags(flags),
      ref,
      files,
      include: listFlag(flags, 'include'),
      exclude: listFlag(flags, 'exclude'),
      localDir: textFlag(flags, 'localDir'),
      cacheDir: textFlag(flags, 'cacheDir'),
      maxWorkers: countFlag(flags, 'maxWorkers', '--max-workers'),
      paranoid: flags.paranoid === true,
      dryRun,
      signal: io.signal,
      onProgress(event) {
        progress.on(event)
        if (event.event === 'plan' && event.bytes >= LARGE_BYTES) collectStartUp()
        if (event.event === 'file') {
          const { path, bytes, fileHash, sha256 } = event.file
          io.event('file', { path, bytes, fileHash, sha256 })
        }
      },
    })
    progress.end()
    if (dryRun) sayPlan(outcomes, here ?? new Map(), io)
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
    stopCollecting()
    progress.end()
  }
}

/** A table of what is wanted, what is here and what would be fetched. */
function sayPlan(files: PullResult['files'], here: ReadonlyMap<string, number>, io: Io): void {
  const rows: string[][] = []
  for (const { path, bytes, fileHash, sha256 } of files) {
    const cached = here.get(path) ?? 0
    io.event('file', { path, bytes, fileHash, sha256, cached, fetch: bytes - cached })
    if (io.quiet) io.line(printable(path))
    rows.push([
      formatBytes(bytes),
      cached > 0 ? formatBytes(cached) : '-',
      formatBytes(bytes - cached),
      printable(path),
    ])
  }
  if (io.quiet || io.json || rows.length === 0) return
  const right = true
  const columns = [{ title: 'size', right }, { title: 'here', right }, { title: 'to fetch', right }, { title: 'file' }]
  for (const line of formatTable(columns, rows)) io.line(line)
}
