/** What changes a repository as a whole: its settings, its name, a copy of it. */
import { AppError } from '../base/app-error.ts'
import type { CasFiles } from '../cas/cas-files.ts'
import { checkAdmin, checkFiles, checkNamespace, checkRead } from './access.ts'
import { type Accounts, repoAccount } from './accounts.ts'
import type { Caller } from './caller.ts'
import type { FactsKeeper } from './facts-keeper.ts'
import type { LargeFileList } from './large-file-list.ts'
import { formatRepoId, type RepoId } from './repo-id.ts'
import { type RepoChange, type RepoRecord, RepoTable } from './repo-table.ts'
import type { Repositories } from './repositories.ts'

export interface RepoChangesParts {
  readonly accounts: Accounts
  readonly repositories: Repositories
  readonly files: CasFiles
  readonly largeFiles: LargeFileList
  readonly facts: FactsKeeper
}

export interface DuplicateOptions {
  /** Default: as the source. */
  readonly private: boolean | null
}

export class RepoChanges {
  readonly #parts: RepoChangesParts

  constructor(parts: RepoChangesParts) {
    this.#parts = parts
  }

  update(caller: Caller, id: RepoId, change: RepoChange): RepoRecord {
    const { repos } = this.#parts.accounts
    const record = checkAdmin(caller, repos.find(id))
    repos.update(record, change)
    return repos.find(record) as RepoRecord
  }

  /** Old names lead to the new one from now on, until somebody takes them. */
  async move(caller: Caller, from: RepoId, wanted: RepoId): Promise<RepoRecord> {
    const { accounts, repositories } = this.#parts
    return repositories.naming.run(async () => {
      const record = checkAdmin(caller, accounts.repos.find(from))
      const to = this.#target(caller, wanted, record)
      if (to.namespace !== record.namespace) accounts.quotas.checkMove(record, to.namespace)
      const repository = await repositories.open(record)
      // Whoever writes has finished, and finds the new name afterwards.
      await repository.queue.run(async () => {
        accounts.moves.begin(record, to)
        await repositories.move(record, to)
        accounts.moves.finish(record, to)
      })
      return accounts.repos.find(to) as RepoRecord
    })
  }

  /** Branches, tags and their history; large files are shared, not copied. */
  async duplicate(caller: Caller, from: RepoId, wanted: RepoId, options: DuplicateOptions): Promise<RepoRecord> {
    const { accounts, facts, files, largeFiles, repositories } = this.#parts
    const source = checkRead(caller, accounts.repos.find(from))
    checkFiles(accounts, caller, source)
    return repositories.naming.run(async () => {
      const to = this.#target(caller, wanted, null)
      const opaque = RepoTable.newId()
      const large = await largeFiles.list(source)
      const bytes = large.reduce((sum, { size }) => sum + size, 0)
      accounts.quotas.checkRepoCount(to.namespace)
      accounts.quotas.checkBytes(to.namespace, bytes)
      const original = await repositories.open(source)
      await original.queue.run(() => repositories.create(to, (copy) => copy.takeAll(original)))
      for (const { sha256 } of large) {
        const stored = await files.findVerified(repoAccount(source.id), sha256)
        if (stored !== null) await files.attach(opaque, [stored.hash])
      }
      const isPrivate = options.private ?? source.private
      const record = accounts.repos.insert(to, { id: opaque, private: isPrivate, settings: source.settings })
      accounts.quotas.take(record, bytes)
      await facts.refresh(record)
      return record
    })
  }

  /** The name as it will be shown; throws unless the caller may take it and it is free. */
  #target(caller: Caller, wanted: RepoId, moved: RepoRecord | null): RepoId {
    const { accounts } = this.#parts
    const to = { ...wanted, namespace: accounts.findOwner(wanted.namespace)?.name ?? wanted.namespace }
    checkNamespace(caller, to, `create a ${to.type} under the namespace ${to.namespace}`)
    const known = accounts.repos.find(to)
    if (known === null || known.id === moved?.id) return to
    throw new AppError('conflict', 'REPO_EXISTS', `There is a ${to.type} ${formatRepoId(to)}`, {
      data: { repo: known },
    })
  }
}
