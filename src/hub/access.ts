/**
 * Who may do what with a repository. A public one is read by all; everything else belongs to its namespace: the user of
 * that name, or the members of that organisation by their roles. A token narrows this by its scope and, where it names
 * repositories, to those.
 */
import type { AccessRequests } from './access-requests.ts'
import { type Caller, hasScope, includesRole, type Role, roleIn } from './caller.ts'
import { gatedRepo, lacksScope, notYours, repoNotFound } from './hub-error.ts'
import { formatRepoId, type RepoId } from './repo-id.ts'
import type { RepoRecord, Visibility } from './repo-table.ts'

/** Accounts, as far as it is asked here. */
export interface Grants {
  readonly requests: Pick<AccessRequests, 'isLetIn'>
}

export function mayRead(caller: Caller, repo: RepoRecord): boolean {
  if (!repo.private) return true
  return hasScope(caller, 'read') && isMeant(caller, repo) && roleIn(caller, repo.namespace) !== null
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
  if (!hasScope(caller, 'read') || !isMeant(caller, repo)) return false
  return roleIn(caller, repo.namespace) !== null || (caller.user !== null && requests.isLetIn(repo.id, caller.user))
}

export function checkFiles(grants: Grants, caller: Caller, repo: RepoRecord): void {
  checkRead(caller, repo)
  if (!mayReadFiles(grants, caller, repo)) throw gatedRepo(caller, repo)
}

/** Whether the caller may change the repository. */
export function mayWrite(caller: Caller, repo: RepoRecord): boolean {
  return mayRead(caller, repo) && mayAs('write', caller, repo)
}

/** Throws unless the caller may propose changes: whoever may read the files and is signed in. */
export function checkPropose(grants: Grants, caller: Caller, repo: RepoRecord): void {
  checkRead(caller, repo)
  if (!hasScope(caller, 'read')) throw lacksScope(caller, 'open a pull request')
  checkMeant(caller, repo, `propose changes to ${formatRepoId(repo)}`)
  checkFiles(grants, caller, repo)
}

/** Visible first: who may not even see it learns nothing more. */
export function checkWrite(caller: Caller, repo: RepoRecord | null): RepoRecord {
  const seen = checkRead(caller, repo)
  checkRight(caller, seen, { role: 'write', action: `write to ${seen.type} ${formatRepoId(seen)}` })
  return seen
}

/** For what changes the repository itself: delete it, move it, change who may see it. */
export function checkAdmin(caller: Caller, repo: RepoRecord | null): RepoRecord {
  const seen = checkRead(caller, repo)
  checkRight(caller, seen, { role: 'admin', action: `administer ${seen.type} ${formatRepoId(seen)}` })
  return seen
}

/** Throws unless the caller may make repositories named so. A token for some repositories makes no others. */
export function checkNamespace(caller: Caller, id: RepoId, action: string): void {
  if (!hasScope(caller, 'write')) throw lacksScope(caller, action)
  if (caller.only !== null || !includesRole(roleIn(caller, id.namespace), 'write')) throw notYours(caller, action)
}

/** The private repositories that listings may show to the caller. */
export function visibilityFor(caller: Caller): Visibility {
  if (!hasScope(caller, 'read')) return { namespaces: [], ids: null }
  return visibilityOf(caller)
}

/** The same for whoever may read: what the CAS is told. */
export function visibilityOf({ admin, roles, only }: Pick<Caller, 'admin' | 'roles' | 'only'>): Visibility {
  return { namespaces: admin ? null : roles.map(({ namespace }) => namespace), ids: only === null ? null : [...only] }
}

/** Throws for a token that is for other repositories. */
export function checkMeant(caller: Caller, repo: RepoRecord, action: string): void {
  if (!isMeant(caller, repo)) throw notYours(caller, action)
}

function checkRight(caller: Caller, repo: RepoRecord, { role, action }: { role: Role; action: string }): void {
  if (!hasScope(caller, 'write')) throw lacksScope(caller, action)
  if (!mayAs(role, caller, repo)) throw notYours(caller, action)
}

function mayAs(role: Role, caller: Caller, repo: RepoRecord): boolean {
  return hasScope(caller, 'write') && isMeant(caller, repo) && includesRole(roleIn(caller, repo.namespace), role)
}

function isMeant({ only }: Caller, { id }: RepoRecord): boolean {
  return only === null || only.has(id)
}
