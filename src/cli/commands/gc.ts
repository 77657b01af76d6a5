/** `xorbit gc`: frees what nothing refers to. */
import { withCare } from '../../actions/open-care.ts'
import { homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import type { Flags, Io } from '../output.ts'
import { formatBytes } from '../quantities.ts'

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const options = { dryRun: flags.dryRun === true, now: flags.now === true, signal: io.signal }
  const report = await withCare(home, createLog('error'), (care) => care.gc(options))
  io.event('done', { ...report })
  const { files, xorbs, shards, deleted, freedBytes, trashedBytes, restored, unreadable } = report
  io.line(`${report.dryRun ? 'would forget' : 'forgot'} ${files} files, ${xorbs} xorbs, ${shards} shards`)
  if (!report.dryRun) {
    io.line(`${formatBytes(trashedBytes)} went to the trash, ${formatBytes(freedBytes)} of ${deleted} blobs are free`)
  }
  if (restored > 0) io.line(`${restored} blobs came back from the trash: they are in use again`)
  if (report.epoch !== null) io.line('clients will ask anew for what they were told before')
  for (const line of unreadable) io.note(`kept all of repository ${line}`)
}
