/** `xorbit rm REPO PATH…`: files (or folders, with a slash at the end) out of a repository in one commit. */
import { removeFiles } from '../../actions/browse.ts'
import { askFirst } from '../ask.ts'
import type { Flags, Io } from '../output.ts'
import { printable } from '../quantities.ts'
import { hubFlags, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([repo = '', ...paths]: string[], flags: Flags, io: Io): Promise<void> {
  const question = `Delete ${paths.map(printable).join(', ')} of ${printable(repo)}? [y/N] `
  if (flags.yes !== true) await askFirst(question, ['y', 'yes'], io)
  const message = textFlag(flags, 'message')
  const options = { ...hubFlags(flags), ...repoFlags(flags), message, signal: io.signal }
  const { commit, url } = await removeFiles(repo, paths, options)
  io.event('done', { commit, url, deleted: paths.length })
  io.line(io.quiet ? commit : url)
}
