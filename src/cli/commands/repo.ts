/** `xorbit repo create|delete`. */
import { createInterface } from 'node:readline/promises'
import { createRepo, deleteRepo } from '../../actions/repo.ts'
import { AppError } from '../../base/app-error.ts'
import type { Flags, Io } from '../output.ts'
import { hubFlags, repoFlags } from '../transfer-flags.ts'

export async function run([verb, name = '']: string[], flags: Flags, io: Io): Promise<void> {
  const options = { ...hubFlags(flags), ...repoFlags(flags), repo: name, signal: io.signal }
  if (verb === 'create') {
    const { repo, url } = await createRepo({ ...options, isPrivate: flags.private === true })
    io.event('done', { repo, url })
    io.line(io.quiet ? repo : url)
    return
  }
  if (flags.yes !== true) await askFor(name, io)
  const { repo } = await deleteRepo(options)
  io.event('done', { repo })
  io.line(io.quiet ? repo : `deleted ${repo}`)
}

/** What cannot be undone wants its name typed again. */
async function askFor(name: string, io: Io): Promise<void> {
  const refusal = new AppError('usage', 'NOT_CONFIRMED', `Deleting ${name} cannot be undone: give --yes`)
  if (!io.isTty || !process.stdin.isTTY) throw refusal
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await prompt.question(`Delete ${name} and all its commits? Type its name: `, { signal: io.signal })
  prompt.close()
  if (answer.trim() !== name) throw refusal
}
