/** RepoWriter over the bare repositories of this server. */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { checkNewPath } from '../base/safe-path.ts'
import type { CasFiles } from '../cas/cas-files.ts'
import type { Oid } from '../git/oid.ts'
import { checkRefName } from '../git/ref-name.ts'
import type { Repository } from '../git/repository.ts'
import { checkAdmin, checkNamespace, checkWrite } from './access.ts'
import type { Accounts } from './accounts.ts'
import { authorOf } from './author.ts'
import type { Caller } from './caller.ts'
import { applyCommit } from './commit.ts'
import { TreeDraft } from './commit-plan.ts'
import { DEFAULT_ATTRIBUTES } from './default-attributes.ts'
import type { FactsKeeper } from './facts-keeper.ts'
import type { GitRepoReader } from './git-repo-reader.ts'
import { revisionNotFound } from './hub-error.ts'
import type { PullRequests } from './pull-requests.ts'
import { formatRepoId, type RepoId } from './repo-id.ts'
import { type RepoRecord, RepoTable } from './repo-table.ts'
import type { BranchOptions, CommitPlace, Committed, CreateOptions, RepoWriter } from './repo-writer.ts'
import type { Repositories } from './repositories.ts'
import { pullNumberOf, writableRef } from './revision.ts'

const MAIN = 'refs/heads/main'

export interface GitRepoWriterParts {
  readonly accounts: Accounts
  readonly repositories: Repositories
  readonly reader: GitRepoReader
  readonly files: CasFiles
  readonly pulls: PullRequests
  readonly facts: FactsKeeper
  readonly clock: Clock
  readonly log: Log
}

export class GitRepoWriter implements RepoWriter {
  readonly #parts: GitRepoWriterParts

  constructor(parts: GitRepoWriterParts) {
    this.#parts = parts
  }

  async create(caller: Caller, wanted: RepoId, options: CreateOptions): Promise<RepoRecord> {
    const { accounts, repositories } = this.#parts
    const id = { ...wanted, namespace: this.#spelling(wanted.namespace) }
    checkNamespace(caller, id, `create a ${id.type} under the namespace ${id.namespace}`)
    return repositories.naming.run(async () => {
      const known = accounts.repos.find(id)
      if (known !== null) {
        const message = `You already created this ${id.type} repo: ${formatRepoId(known)}`
        throw new AppError('conflict', 'REPO_EXISTS', message, { data: { repo: known } })
      }
      accounts.quotas.checkRepoCount(id.namespace)
      await repositories.create(id, (repository) => this.#firstCommit(repository, caller, options))
      const row = { id: RepoTable.newId(), private: options.private, settings: options.settings }
      const record = accounts.repos.insert(id, row)
      await this.#parts.facts.refresh(record)
      return record
    })
  }

  async delete(caller: Caller, id: RepoId): Promise<void> {
    const { accounts, files, repositories } = this.#parts
    await repositories.naming.run(async () => {
      const record = checkAdmin(caller, accounts.repos.find(id))
      accounts.repos.delete(record.id)
      await files.detach(record.id)
      await repositories.remove(record)
    })
  }

  async commit(
    caller: Caller,
    id: RepoId,
    { revision, openPull }: CommitPlace,
    body: AsyncIterable<Uint8Array>,
  ): Promise<Committed> {
    const { accounts, clock, files, reader, repositories, pulls } = this.#parts
    const check = () => pulls.checkCommit(caller, accounts.repos.find(id), { revision, openPull })
    const record = check()
    const repository = await repositories.open(record)
    const pull = openPull ? pulls.opener(caller, record, repository) : undefined
    const ref = pullNumberOf(revision) === null || openPull ? writableRef(revision) : revision
    if ((await repository.findCommit(ref)) === null) throw revisionNotFound(revision)
    let taken: number | null = null
    const takeBytes = (bytes: number) => {
      if (taken === null) accounts.quotas.take(record, bytes)
      taken ??= bytes
    }
    const commit = await applyCommit(
      {
        ...{ repository, files, ref, pull, repoId: record.id, account: caller.account, author: authorOf(caller) },
        nowSeconds: () => clock.nowSeconds(),
        takeBytes,
        checkStillThere: () => void check(),
        snapshot: (at) => reader.snapshot(record, repository, { revision, commit: at }),
        findAt: async (at, path) => (await (await reader.at(caller, id, at)).getFile(path)).oid,
      },
      body,
    ).catch((error: unknown) => {
      if (taken !== null) accounts.quotas.give(record, taken)
      throw error
    })
    if (ref === MAIN && !openPull) await this.#parts.facts.refresh(record)
    this.#maintain(repository)
    return { commit, pull: pull?.number() ?? null }
  }

  async squash(caller: Caller, id: RepoId, branch: string, message: string): Promise<Oid> {
    const { clock, facts } = this.#parts
    const { record, repository } = await this.#open(caller, id)
    const ref = writableRef(branch)
    const commit = await repository.queue.run(async () => {
      const from = await repository.findCommit(ref)
      if (from === null) throw revisionNotFound(branch)
      const spec = { message: `${message.trimEnd()}\n`, author: authorOf(caller), seconds: clock.nowSeconds() }
      const to = await repository.putSquashed(from, spec)
      if (await repository.changeRefs([{ ref, from, to }])) return to
      throw new AppError('busy', 'REF_BUSY', `${ref} was moved at the same time: try again`)
    })
    if (ref === MAIN) await facts.refresh(record)
    return commit
  }

  async createBranch(caller: Caller, id: RepoId, branch: string, options: BranchOptions): Promise<void> {
    const { repository } = await this.#open(caller, id)
    const ref = writableRef(branch)
    const to =
      options.empty === true ? await this.#emptyCommit(repository, caller) : await this.#start(caller, id, options)
    await repository.queue.run(async () => {
      const from = options.overwrite === true ? await repository.findCommit(ref) : null
      if (await repository.changeRefs([{ ref, from, to }])) return
      throw new AppError('conflict', 'REF_EXISTS', `Reference already exists: ${ref}`)
    })
  }

  async deleteBranch(caller: Caller, id: RepoId, branch: string): Promise<void> {
    const { repository } = await this.#open(caller, id)
    const ref = writableRef(branch)
    if (ref === MAIN) throw new AppError('forbidden', 'BRANCH_PROTECTED', 'Branch main cannot be deleted')
    await this.#deleteRef(repository, ref, branch)
  }

  async createTag(
    caller: Caller,
    id: RepoId,
    { tag, revision, message }: { tag: string; revision: string; message: string | null },
  ): Promise<void> {
    const { repository } = await this.#open(caller, id)
    checkRefName(tag)
    const { clock, reader } = this.#parts
    const { commit } = await reader.at(caller, id, revision)
    const note = message ?? ''
    const seconds = clock.nowSeconds()
    const to = note === '' ? commit : await repository.putTag(tag, commit, note, authorOf(caller).name, seconds)
    const moved = await repository.queue.run(() => repository.changeRefs([{ ref: `refs/tags/${tag}`, from: null, to }]))
    if (!moved) throw new AppError('conflict', 'REF_EXISTS', `Tag reference exists already: ${tag}`)
  }

  async deleteTag(caller: Caller, id: RepoId, tag: string): Promise<void> {
    const { repository } = await this.#open(caller, id)
    checkRefName(tag)
    await this.#deleteRef(repository, `refs/tags/${tag}`, tag)
  }

  async #open(caller: Caller, id: RepoId): Promise<{ record: RepoRecord; repository: Repository }> {
    const record = checkWrite(caller, this.#parts.accounts.repos.find(id))
    return { record, repository: await this.#parts.repositories.open(record) }
  }

  async #deleteRef(repository: Repository, ref: string, name: string): Promise<void> {
    await repository.queue.run(async () => {
      // The ref's own value: an annotated tag is not the commit it leads to.
      const from = await repository.findRef(ref)
      if (from === null) throw revisionNotFound(name)
      if (await repository.changeRefs([{ ref, from, to: null }])) return
      throw new AppError('busy', 'REF_BUSY', `${ref} was moved at the same time: try again`)
    })
  }

  async #start(caller: Caller, id: RepoId, { startingPoint }: BranchOptions): Promise<Oid> {
    return (await this.#parts.reader.at(caller, id, startingPoint ?? 'main')).commit
  }

  async #firstCommit(repository: Repository, caller: Caller, { files = [] }: CreateOptions): Promise<void> {
    const writer = await repository.openWriter()
    const tree = new TreeDraft(null)
    try {
      const first = { path: '.gitattributes', content: Buffer.from(DEFAULT_ATTRIBUTES) }
      for (const { path, content } of [first, ...files]) {
        checkNewPath(path)
        tree.apply({ kind: 'put', path, oid: await writer.putBlob(content) })
      }
      const commit = await writer.putCommit({ ...this.#commitFacts(caller, 'initial commit'), changes: tree.changes() })
      await writer.finish()
      await repository.changeRefs([{ ref: MAIN, from: null, to: commit }])
    } finally {
      await writer.abort()
    }
  }

  async #emptyCommit(repository: Repository, caller: Caller): Promise<Oid> {
    const writer = await repository.openWriter()
    try {
      const commit = await writer.putCommit({ ...this.#commitFacts(caller, 'initial commit'), changes: [] })
      await writer.finish()
      return commit
    } finally {
      await writer.abort()
    }
  }

  #commitFacts(caller: Caller, message: string) {
    return { parent: null, message, author: authorOf(caller), seconds: this.#parts.clock.nowSeconds() }
  }

  /** The namespace as its owner's name is written. */
  #spelling(namespace: string): string {
    return this.#parts.accounts.findOwner(namespace)?.name ?? namespace
  }

  /** After the answer; a failure costs only speed. */
  #maintain(repository: Repository): void {
    const { log } = this.#parts
    repository.queue
      .run(() => repository.maintain())
      .catch((error: Error) => log.warn({ err: error, repository: repository.gitDir }, 'packs were not joined'))
  }
}
