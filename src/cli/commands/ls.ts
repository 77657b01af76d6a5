/** `xorbit ls [REPO[@REV][/PATH]]`: repositories of a Hub (of one owner), or the files of one. */
import { listFiles, listRepos } from '../../actions/browse.ts'
import type { Flags, Io } from '../output.ts'
import { formatBytes, printable } from '../quantities.ts'
import { hubFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([target]: string[], flags: Flags, io: Io): Promise<void> {
  const globs = { include: listFlag(flags, 'include'), exclude: listFlag(flags, 'exclude') }
  const cacheDir = textFlag(flags, 'cacheDir')
  const options = { ...hubFlags(flags), ...repoFlags(flags), ...globs, cacheDir, signal: io.signal }
  const owner = /^[^/@:]+\/$/.exec(target ?? '') ? (target as string).slice(0, -1) : null
  if (target === undefined || owner !== null) {
    const count = await listRepos(owner, options, (repo) => {
      io.event('repo', { repo })
      io.line(printable(repo))
    })
    io.event('done', { repos: count })
    return
  }
  const { commit, files } = await listFiles(target, options)
  for (const file of files) {
    io.event('file', { ...file })
    io.line(io.quiet ? printable(file.path) : `${formatBytes(file.bytes).padStart(8)}  ${printable(file.path)}`)
  }
  io.event('done', { commit, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) })
}
