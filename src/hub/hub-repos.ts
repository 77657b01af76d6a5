/** Reader and writer over one folder of bare repositories, put together. */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { CasFiles } from '../cas/cas-files.ts'
import { GitCommand } from '../git/git-command.ts'
import type { Accounts } from './accounts.ts'
import { GitRepoReader } from './git-repo-reader.ts'
import { GitRepoWriter } from './git-repo-writer.ts'
import type { RepoReader } from './repo-reader.ts'
import type { RepoWriter } from './repo-writer.ts'
import { Repositories } from './repositories.ts'

export interface HubRepos {
  readonly reader: RepoReader
  readonly writer: RepoWriter
}

export interface HubReposParts {
  readonly accounts: Accounts
  /** `repos` of the home; made when missing. */
  readonly folder: string
  readonly files: CasFiles
  readonly clock: Clock
  readonly log: Log
}

/** Under the home's lock. `close` ends the idle git processes. */
export async function openHubRepos(parts: HubReposParts): Promise<HubRepos & { close(): Promise<void> }> {
  const { accounts, files, folder } = parts
  const repositories = new Repositories(await GitCommand.find(), folder)
  await repositories.recover()
  const reader = new GitRepoReader({ accounts, repositories, files })
  const writer = new GitRepoWriter({ ...parts, repositories, reader })
  return { reader, writer, close: () => repositories.close() }
}
