/**
 * Pull requests: a number in accounts.db, commits under `refs/pr/NUMBER`. The ref is made before the row: a crash
 * between them leaves a ref that nobody was told of, and its number is not given out again.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Oid } from '../git/oid.ts'
import type { Repository } from '../git/repository.ts'
import { checkFiles, checkPropose, checkRead, checkWrite } from './access.ts'
import type { Accounts } from './accounts.ts'
import { authorOf } from './author.ts'
import type { Caller } from './caller.ts'
import type { NewPull } from './commit.ts'
import type { CommitHeader } from './commit-lines.ts'
import type { Discussion, DiscussionStatus } from './discussions.ts'
import type { FactsKeeper } from './facts-keeper.ts'
import type { GitRepoReader } from './git-repo-reader.ts'
import { revisionNotFound } from './hub-error.ts'
import { type MergePlan, planMerge } from './merge-plan.ts'
import type { RepoId } from './repo-id.ts'
import type { RepoRecord } from './repo-table.ts'
import type { CommitPlace } from './repo-writer.ts'
import type { Repositories } from './repositories.ts'
import { pullNumberOf } from './revision.ts'

const MAIN = 'refs/heads/main'
const PREFIX = 'refs/pr/'
const TITLE_LENGTH_MAX = 200
const DIFF_BYTES_MAX = 1024 * 1024
const COMMITS_MAX = 500

export interface PullRequestsParts {
  readonly accounts: Accounts
  readonly repositories: Repositories
  readonly reader: GitRepoReader
  readonly facts: FactsKeeper
  readonly clock: Clock
}

export interface PullDetails {
  readonly diff: string
  readonly conflicts: readonly string[]
  readonly commits: readonly {
    readonly oid: Oid
    readonly title: string
    readonly seconds: number
    readonly author: string
  }[]
}

interface Sides {
  readonly ours: Oid
  readonly theirs: Oid
  readonly base: Oid | null
}

export class PullRequests {
  readonly #parts: PullRequestsParts

  constructor(parts: PullRequestsParts) {
    this.#parts = parts
  }

  /** Throws unless the caller may commit there: writers anywhere, others to what they propose themselves. */
  checkCommit(caller: Caller, found: RepoRecord | null, { revision, openPull }: CommitPlace): RepoRecord {
    const { accounts } = this.#parts
    const record = checkRead(caller, found)
    if (openPull) checkPropose(accounts, caller, record)
    const num = pullNumberOf(revision)
    if (openPull) return record
    if (num === null) return checkWrite(caller, record)
    const pull = accounts.discussions.find(record.id, num)
    if (pull?.isPull !== true) throw revisionNotFound(revision)
    if (pull.status === 'merged' || pull.status === 'closed') {
      throw new AppError('conflict', 'PULL_ENDED', `Pull request ${num} is ${pull.status}: open a new one`)
    }
    if (pull.account === caller.account) checkPropose(accounts, caller, record)
    else checkWrite(caller, record)
    return record
  }

  /** What a commit with `openPull` asks for. */
  opener(caller: Caller, record: RepoRecord, repository: Repository): NewPull & { number(): number | null } {
    const { discussions } = this.#parts.accounts
    let num: number | null = null
    return {
      nextRef: async () => `${PREFIX}${await this.#nextNumber(record, repository)}`,
      opened: (ref: string, { summary, description }: CommitHeader) => {
        num = Number(ref.slice(PREFIX.length))
        const title = summary.slice(0, TITLE_LENGTH_MAX) || 'Untitled'
        discussions.insert(caller, record.id, { num, title, description, status: 'open', isPull: true })
      },
      number: () => num,
    }
  }

  /** A discussion, or a pull request that begins as a copy of main. */
  async start(caller: Caller, id: RepoId, about: { title: string; description: string; isPull: boolean }) {
    const { accounts, reader, repositories } = this.#parts
    const record = await reader.getRepo(caller, id)
    checkPropose(accounts, caller, record)
    const repository = await repositories.open(record)
    return repository.queue.run(async () => {
      const num = await this.#nextNumber(record, repository)
      if (about.isPull) {
        const to = await repository.findCommit(MAIN)
        if (to === null) throw revisionNotFound('main')
        await repository.changeRefs([{ ref: `${PREFIX}${num}`, from: null, to }])
      }
      const status = about.isPull ? 'draft' : 'open'
      return accounts.discussions.insert(caller, record.id, { ...about, num, status })
    })
  }

  /** Its author or a writer; throws for whoever may only read. */
  checkChange(caller: Caller, record: RepoRecord, discussion: Discussion): void {
    checkPropose(this.#parts.accounts, caller, record)
    if (discussion.account !== caller.account) checkWrite(caller, record)
  }

  get(record: RepoRecord, num: number): Discussion {
    const found = this.#parts.accounts.discussions.find(record.id, num)
    if (found === null) throw new AppError('not-found', 'DISCUSSION_UNKNOWN', `There is no discussion ${num}`)
    return found
  }

  setStatus(caller: Caller, record: RepoRecord, num: number, status: DiscussionStatus) {
    const discussion = this.get(record, num)
    this.checkChange(caller, record, discussion)
    if (discussion.status === 'merged') throw alreadyMerged(num)
    return this.#parts.accounts.discussions.setStatus(caller, discussion, status)
  }

  /** The files of a pull request as they differ from where it began; nothing of a gated one for who may not read it. */
  async details(caller: Caller, record: RepoRecord, pull: Discussion): Promise<PullDetails> {
    checkFiles(this.#parts.accounts, caller, record)
    const repository = await this.#parts.repositories.open(record)
    const sides = await this.#sides(repository, pull.num)
    if (sides === null) return { diff: '', conflicts: [], commits: [] }
    const base = pull.base ?? sides.base
    const page = { skip: 0, count: COMMITS_MAX, ...(base === null ? {} : { not: base }) }
    const found = base === sides.theirs ? [] : await repository.listCommits(sides.theirs, page)
    const ended = pull.status === 'merged' || pull.status === 'closed'
    return {
      diff: base === null ? '' : await repository.diff(base, sides.theirs, DIFF_BYTES_MAX),
      conflicts: ended ? [] : (await this.#plan(record, repository, sides)).conflicts,
      commits: found.reverse(),
    }
  }

  /** Between two commits, or from where the first parted from the second. */
  async diff(record: RepoRecord, range: { from: Oid; to: Oid; fromBase: boolean }) {
    const { to } = range
    const repository = await this.#parts.repositories.open(record)
    const base = range.fromBase ? await repository.findMergeBase(range.from, to) : null
    const from = base ?? range.from
    const text = await repository.diff(from, to, DIFF_BYTES_MAX)
    return { text, changes: await repository.listChanges(from, to) }
  }

  async merge(caller: Caller, record: RepoRecord, num: number): Promise<Oid> {
    const { accounts, facts, repositories } = this.#parts
    checkWrite(caller, record)
    const repository = await repositories.open(record)
    const merged = await repository.queue.run(async () => {
      const pull = this.get(checkWrite(caller, accounts.repos.find(record)), num)
      if (!pull.isPull) throw new AppError('usage', 'DISCUSSION_NO_PULL', `Discussion ${num} is no pull request`)
      if (pull.status === 'merged') throw alreadyMerged(num)
      const sides = await this.#sides(repository, num)
      if (sides === null) throw revisionNotFound(`${PREFIX}${num}`)
      const { changes, conflicts } = await this.#plan(record, repository, sides)
      if (conflicts.length > 0) throw conflicting(num, conflicts)
      const merge = await this.#join(caller, repository, { pull, sides, changes })
      accounts.discussions.setStatus(caller, pull, 'merged', { base: sides.base ?? sides.ours, merge })
      return merge
    })
    await facts.refresh(record)
    return merged
  }

  async #join(
    caller: Caller,
    repository: Repository,
    { pull, sides, changes }: { pull: Discussion; sides: Sides; changes: MergePlan['changes'] },
  ): Promise<Oid> {
    const { ours, theirs } = sides
    const writer = await repository.openWriter()
    try {
      const message = `${pull.title} (#${pull.num})\n`
      const spec = { parent: ours, joins: theirs, changes, message, author: authorOf(caller) }
      const commit = await writer.putCommit({ ...spec, seconds: this.#parts.clock.nowSeconds() })
      await writer.finish()
      if (await repository.changeRefs([{ ref: MAIN, from: ours, to: commit }])) return commit
      throw new AppError('busy', 'REF_BUSY', `${MAIN} was moved at the same time: try again`)
    } finally {
      await writer.abort()
    }
  }

  async #sides(repository: Repository, num: number): Promise<Sides | null> {
    const ours = await repository.findCommit(MAIN)
    const theirs = await repository.findCommit(`${PREFIX}${num}`)
    if (ours === null || theirs === null) return null
    return { ours, theirs, base: await repository.findMergeBase(ours, theirs) }
  }

  async #plan(record: RepoRecord, repository: Repository, { ours, theirs, base }: Sides): Promise<MergePlan> {
    const listingOf = (commit: Oid) =>
      this.#parts.reader.snapshot(record, repository, { revision: commit, commit }).list()
    return planMerge(base === null ? null : await listingOf(base), await listingOf(ours), await listingOf(theirs))
  }

  /** Above every number that a row or a ref has. */
  async #nextNumber(record: RepoRecord, repository: Repository): Promise<number> {
    const refs = await repository.listRefs()
    const numbers = refs.map(({ name }) => pullNumberOf(name) ?? 0)
    return Math.max(this.#parts.accounts.discussions.lastNumber(record.id), ...numbers) + 1
  }
}

function alreadyMerged(num: number): AppError {
  return new AppError('conflict', 'PULL_ENDED', `Pull request ${num} is merged already`)
}

function conflicting(num: number, conflicts: readonly string[]): AppError {
  const message = `Pull request ${num} and main both changed ${conflicts.length} files, first ${conflicts[0]}`
  return new AppError('conflict', 'MERGE_CONFLICT', message, { data: { body: { conflicts: conflicts.slice(0, 100) } } })
}
