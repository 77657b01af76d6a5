/** Who may do what with a repository. A public one is read by all, everything else belongs to its namespace. */
import { type Caller, hasScope } from './caller.ts'
import { lacksScope, notYours, repoNotFound } from './hub-error.ts'
import { formatRepoId, type RepoId } from './repo-id.ts'
import type { RepoRecord } from './repo-table.ts'

export function mayRead(caller: Caller, repo: RepoRecord): boolean {
  return !repo.private || (hasScope(caller, 'read') && owns(caller, repo))
}

/** Throws as if the repository did not exist unless the caller may see it. */
export function checkRead(caller: Caller, repo: RepoRecord | null): RepoRecord {
  if (repo === null || !mayRead(caller, repo)) throw repoNotFound(caller)
  return repo
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
