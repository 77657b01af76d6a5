/** `xorbit repo create|delete`. */
import { createRepo, deleteRepo } from '../../actions/repo.ts'
import { askFirst } from '../ask.ts'
import type { Flags, Io } from '../output.ts'
import { printable } from '../progress.ts'
import { hubFlags, repoFlags } from '../transfer-flags.ts'

export async function run([verb, name = '']: string[], flags: Flags, io: Io): Promise<void> {
  const options = { ...hubFlags(flags), ...repoFlags(flags), repo: name, signal: io.signal }
  if (verb === 'create') {
    const { repo, url, made } = await createRepo({ ...options, isPrivate: flags.private === true })
    io.event('done', { repo, url, made })
    if (!made) io.note(`${repo} exists already`)
    io.line(io.quiet ? repo : url)
    return
  }
  // What cannot be undone wants its name typed again.
  const question = `Delete ${printable(name)} and all its commits? Type its name: `
  if (flags.yes !== true) await askFirst(question, [name.toLowerCase()], io)
  const { repo } = await deleteRepo(options)
  io.event('done', { repo })
  io.line(io.quiet ? repo : `deleted ${repo}`)
}
