/** `xorbit rm REPO PATH…`: files (or folders, with a slash at the end) out of a repository in one commit. */
import { createInterface } from 'node:readline/promises'
import { removeFiles } from '../../actions/browse.ts'
import { AppError } from '../../base/app-error.ts'
import type { Flags, Io } from '../output.ts'
import { printable } from '../progress.ts'
import { hubFlags, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([repo = '', ...paths]: string[], flags: Flags, io: Io): Promise<void> {
  if (flags.yes !== true) await confirm(`Delete ${paths.map(printable).join(', ')} of ${printable(repo)}? [y/N] `, io)
  const message = textFlag(flags, 'message')
  const options = { ...hubFlags(flags), ...repoFlags(flags), message, signal: io.signal }
  const { commit, url } = await removeFiles(repo, paths, options)
  io.event('done', { commit, url, deleted: paths.length })
  io.line(io.quiet ? commit : url)
}

async function confirm(question: string, io: Io): Promise<void> {
  if (!process.stdin.isTTY || io.json) {
    throw new AppError('usage', 'CONFIRMATION_NEEDED', 'Nobody is here to be asked: add --yes')
  }
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await reader.question(question, { signal: io.signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw new AppError('cancelled', 'CANCELLED', 'Nothing was deleted')
  } finally {
    reader.close()
  }
}
