/** Who may do what with a repository. A public one is read by all, everything else belongs to its namespace. */
import type { AccessRequests } from './access-requests.ts'
import { type Caller, hasScope } from './caller.ts'
import { gatedRepo, lacksScope, notYours, repoNotFound } from './hub-error.ts'
import { formatRepoId, type RepoId } from './repo-id.ts'
import type { RepoRecord } from './repo-table.ts'

/** Accounts, as far as it is asked here. */
export interface Grants {
  readonly requests: Pick<AccessRequests, 'isLetIn'>
}

export function mayRead(caller: Caller, repo: RepoRecord): boolean {
  return !repo.private || (hasScope(caller, 'read') && owns(caller, repo))
}

/** Throws as if the repository did not exist unless the caller may see it. */
export function checkRead(caller: Caller, repo: RepoRecord | null): RepoRecord {
  if (repo === null || !mayRead(caller, repo)) throw repoNotFound(caller)
  return repo
}

/**
 * Whether the caller may read what is in the files. A gated repository shows to all what it holds, its files only to
 * those it belongs to and those who were let in.
 */
export function mayReadFiles({ requests }: Grants, caller: Caller, repo: RepoRecord): boolean {
  if (!mayRead(caller, repo)) return false
  if (repo.gated === null) return true
  return hasScope(caller, 'read') && (owns(caller, repo) || requests.isLetIn(repo.id, caller.account))
}

export function checkFiles(grants: Grants, caller: Caller, repo: RepoRecord): void {
  checkRead(caller, repo)
  if (!mayReadFiles(grants, caller, repo)) throw gatedRepo(caller, repo)
}

/** Whether the caller may change the repository. */
export function mayWrite(caller: Caller, repo: RepoRecord): boolean {
  return mayRead(caller, repo) && hasScope(caller, 'write') && owns(caller, repo)
}

/** Throws unless the caller may propose changes: whoever may read the files and is signed in. */
export function checkPropose(grants: Grants, caller: Caller, repo: RepoRecord): void {
  checkRead(caller, repo)
  if (!hasScope(caller, 'read')) throw lacksScope(caller, 'open a pull request')
  checkFiles(grants, caller, repo)
}

/** Visible first: who may not even see it learns nothing more. */
export function checkWrite(caller: Caller, repo: RepoRecord | null): RepoRecord {
  const seen = checkRead(caller, repo)
  checkNamespace(caller, seen, `write to ${seen.type} ${formatRepoId(seen)}`)
  return seen
}

/** Throws unless the caller may make, change and delete repositories named so. */
export function checkNamespace(caller: Caller, id: RepoId, action: string): void {
  if (!hasScope(caller, 'write')) throw lacksScope(caller, action)
  if (!owns(caller, id)) throw notYours(caller, action)
}

function owns(caller: Caller, id: RepoId): boolean {
  return caller.admin || (caller.name !== null && caller.name.toLowerCase() === id.namespace.toLowerCase())
}
