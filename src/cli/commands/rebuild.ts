/** `xorbit rebuild`: catalog.db anew, from blobs and repositories. */
import { withStoppedHome } from '../../actions/open-care.ts'
import { rebuildCatalog } from '../../actions/rebuild.ts'
import { systemClock } from '../../base/clock.ts'
import { homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import type { Flags, Io } from '../output.ts'

export async function run(_args: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const parts = { home, clock: systemClock, log: createLog('error') }
  const { problems, ...report } = await withStoppedHome(home, () => rebuildCatalog(parts))
  for (const problem of problems) {
    io.event('problem', { problem })
    io.note(problem)
  }
  io.event('done', { ...report, problems: problems.length })
  const { xorbs, shards, files, repositories } = report
  io.line(`the catalog knows ${xorbs} xorbs, ${shards} shards, ${files} files, ${repositories} repositories`)
}
