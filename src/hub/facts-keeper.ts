/** Makes the facts that listings show of a repository, whenever its `main` is another commit than they are of. */
import type { Log } from '../base/log.ts'
import type { Accounts } from './accounts.ts'
import type { GitRepoReader } from './git-repo-reader.ts'
import { describeModel } from './model-facts.ts'
import type { RepoFacts } from './repo-facts.ts'
import type { Snapshot } from './repo-reader.ts'
import type { RepoRecord } from './repo-table.ts'
import type { Repositories } from './repositories.ts'

const MAIN = 'refs/heads/main'

export interface FactsKeeperParts {
  readonly accounts: Accounts
  readonly repositories: Repositories
  readonly reader: GitRepoReader
  readonly log: Log
}

export class FactsKeeper {
  readonly #parts: FactsKeeperParts

  constructor(parts: FactsKeeperParts) {
    this.#parts = parts
  }

  /** After `main` moved. A failure is no failure of the move: the next look at the repository makes them. */
  async refresh(record: RepoRecord): Promise<void> {
    try {
      const { reader, repositories } = this.#parts
      const repository = await repositories.open(record)
      const commit = await repository.findCommit(MAIN)
      if (commit !== null) await this.of(reader.snapshot(record, repository, { revision: 'main', commit }))
    } catch (error) {
      this.#parts.log.warn({ err: error, repo: record.id }, 'facts for listings were not made')
    }
  }

  /** The facts of a commit; those of `main` are kept. */
  async of(snapshot: Snapshot): Promise<RepoFacts> {
    const { facts } = this.#parts.accounts
    const known = facts.find(snapshot.repo.id)
    if (known?.commit === snapshot.commit) return known
    const made = await describe(snapshot)
    if (snapshot.revision === 'main') facts.put(snapshot.repo.id, made)
    return made
  }
}

async function describe(snapshot: Snapshot): Promise<RepoFacts> {
  const { entries } = await snapshot.list()
  const { seconds } = await snapshot.commitInfo()
  const bytes = entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0)
  return { commit: snapshot.commit, modifiedMs: seconds * 1000, bytes, ...(await describeModel(snapshot)) }
}
