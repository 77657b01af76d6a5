/** `xorbit backup DIR`: the whole home, copied while it is served. */
import { resolve } from 'node:path'
import { withCare } from '../../actions/open-care.ts'
import { homeFolder } from '../../base/config.ts'
import { createLog } from '../../base/log.ts'
import type { Flags, Io } from '../output.ts'
import { formatBytes } from '../quantities.ts'

export async function run([dir]: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const folder = resolve(dir as string)
  const options = { folder, link: flags.link === true, signal: io.signal }
  const report = await withCare(home, createLog('error'), (care) => care.backup(options))
  const { repositories, xorbs, shards, bytes } = report
  io.event('done', { folder, ...report })
  io.line(`${folder}: ${repositories} repositories, ${xorbs} xorbs, ${shards} shards, ${formatBytes(bytes)}`)
}
