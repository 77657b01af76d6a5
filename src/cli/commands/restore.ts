/** `xorbit restore DIR`: a new home out of a backup. */
import { resolve } from 'node:path'
import { restoreHome } from '../../actions/restore.ts'
import { systemClock } from '../../base/clock.ts'
import { homeFolder, runFiles } from '../../base/config.ts'
import type { Flags, Io } from '../output.ts'

export async function run([dir]: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const report = await restoreHome({ folder: resolve(dir as string), home, clock: systemClock })
  io.event('done', { home, ...report })
  io.line(`${home}: ${report.repositories} repositories, ${report.xorbs} xorbs, ${report.shards} shards`)
  io.line(`Tokens of the backup are valid; a new one for the commands of this machine is in ${runFiles(home).token}`)
}
