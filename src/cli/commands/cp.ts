/** `xorbit cp REPO[@REV]/PATH REPO[@BRANCH][/PATH]`: files of a Hub copied there, in one commit. */
import { copyFiles } from '../../actions/copy.ts'
import type { Flags, Io } from '../output.ts'
import { hubFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([source = '', target = '']: string[], flags: Flags, io: Io): Promise<void> {
  const { repoType } = repoFlags(flags)
  const globs = { include: listFlag(flags, 'include'), exclude: listFlag(flags, 'exclude') }
  const options = { ...hubFlags(flags), repoType, message: textFlag(flags, 'message'), ...globs, signal: io.signal }
  const { commit, url, copied } = await copyFiles(source, target, options)
  for (const path of copied) io.event('file', { path })
  io.event('done', { commit, url, copied: copied.length })
  io.line(io.quiet ? commit : url)
}
