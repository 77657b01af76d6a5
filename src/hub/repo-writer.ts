/** Changes to repositories. Every call takes the caller; what it acknowledged is durable, and nothing of it is half done. */
import type { Oid } from '../git/oid.ts'
import type { Caller } from './caller.ts'
import type { RepoId } from './repo-id.ts'
import type { RepoRecord, RepoSettings } from './repo-table.ts'

export interface CreateOptions {
  readonly private: boolean
  readonly settings: RepoSettings
  /** Small files of the first commit, besides .gitattributes. */
  readonly files?: readonly { readonly path: string; readonly content: Uint8Array }[]
}

export interface CommitPlace {
  readonly revision: string
  readonly openPull: boolean
}

export interface Committed {
  readonly commit: Oid
  /** Number of the pull request that was opened. */
  readonly pull: number | null
}

export interface BranchOptions {
  /** Revision it starts at; default `main`. */
  readonly startingPoint?: string | undefined
  /** Starts with a commit that holds nothing. */
  readonly empty?: boolean | undefined
  /** Moves it when it exists. */
  readonly overwrite?: boolean | undefined
}

export interface RepoWriter {
  /** Throws REPO_EXISTS with the record in `data.repo`. */
  create(caller: Caller, id: RepoId, options: CreateOptions): Promise<RepoRecord>
  delete(caller: Caller, id: RepoId): Promise<void>
  /**
   * Reads `body` as `commit-lines.ts` says and moves the branch or pull request that `revision` names; gives the new
   * commit, or the old when nothing changed. With `openPull` the branch stays, and a pull request holds the commit.
   */
  commit(caller: Caller, id: RepoId, at: CommitPlace, body: AsyncIterable<Uint8Array>): Promise<Committed>
  /** The branch holds one commit with what it held; gives that commit. */
  squash(caller: Caller, id: RepoId, branch: string, message: string): Promise<Oid>
  createBranch(caller: Caller, id: RepoId, branch: string, options: BranchOptions): Promise<void>
  deleteBranch(caller: Caller, id: RepoId, branch: string): Promise<void>
  createTag(caller: Caller, id: RepoId, at: { tag: string; revision: string; message: string | null }): Promise<void>
  deleteTag(caller: Caller, id: RepoId, tag: string): Promise<void>
}
