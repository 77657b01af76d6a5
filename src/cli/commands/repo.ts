/** `xorbit repo create|move|settings|delete`. */
import { changeRepoSettings, createRepo, deleteRepo, moveRepo } from '../../actions/repo.ts'
import { AppError } from '../../base/app-error.ts'
import { askFirst } from '../ask.ts'
import type { Flags, Io } from '../output.ts'
import { printable } from '../quantities.ts'
import { hubFlags, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([verb, name = '', to = '']: string[], flags: Flags, io: Io): Promise<void> {
  const options = { ...hubFlags(flags), ...repoFlags(flags), repo: name, signal: io.signal }
  if (verb === 'create') {
    const { repo, url, made } = await createRepo({ ...options, isPrivate: flags.private === true })
    io.event('done', { repo, url, made })
    if (!made) io.note(`${repo} exists already`)
    io.line(io.quiet ? repo : url)
    return
  }
  if (verb === 'move') {
    const { repo, url } = await moveRepo({ ...options, to })
    io.event('done', { repo, url })
    io.line(io.quiet ? repo : url)
    return
  }
  if (verb === 'settings') {
    const settings = parseSettings(flags)
    const { repo } = await changeRepoSettings({ ...options, settings })
    io.event('done', { repo, ...settings })
    io.line(repo)
    return
  }
  // What cannot be undone wants its name typed again.
  const question = `Delete ${printable(name)} and all its commits? Type its name: `
  if (flags.yes !== true) await askFirst(question, [name.toLowerCase()], io)
  const { repo } = await deleteRepo(options)
  io.event('done', { repo })
  io.line(io.quiet ? repo : `deleted ${repo}`)
}

function parseSettings(flags: Flags) {
  const visibility = textFlag(flags, 'visibility')
  const gated = (['auto', 'manual', 'off'] as const).find((mode) => mode === flags.gated)
  if (visibility !== undefined && visibility !== 'public' && visibility !== 'private') {
    throw new AppError('usage', 'FLAG_INVALID', `--visibility is public or private, not ${JSON.stringify(visibility)}`)
  }
  if (flags.gated !== undefined && gated === undefined) {
    throw new AppError('usage', 'FLAG_INVALID', `--gated is auto, manual or off, not ${JSON.stringify(flags.gated)}`)
  }
  if (visibility === undefined && gated === undefined) {
    throw new AppError('usage', 'FLAG_MISSING', 'Say what to change: --visibility or --gated')
  }
  return {
    ...(visibility === undefined ? {} : { isPrivate: visibility === 'private' }),
    ...(gated === undefined ? {} : { gated: gated === 'off' ? (false as const) : gated }),
  }
}
