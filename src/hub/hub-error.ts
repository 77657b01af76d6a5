/**
 * Refusals in the Hub's words: clients decide by `X-Error-Code` and, in places, by the exact message. A repository that
 * is missing and one that the caller may not see are the same to them.
 */
import { AppError } from '../base/app-error.ts'
import type { Caller } from './caller.ts'
import { formatRepoId, type RepoId, webPath } from './repo-id.ts'

/** Header names in lower case, for `data.headers` of an error. */
export function commitHeader(commit: string): Record<string, string> {
  return { 'x-repo-commit': commit }
}

export function repoNotFound(caller: Caller): AppError {
  const data = { hubCode: 'RepoNotFound' }
  return caller.name === null
    ? new AppError('unauthorized', 'REPO_NOT_FOUND', 'Invalid username or password.', { data })
    : new AppError('not-found', 'REPO_NOT_FOUND', 'Repository not found', { data })
}

/** The repository itself is no secret: clients tell their users where to ask. */
export function gatedRepo(caller: Caller, repo: RepoId): AppError {
  const data = { hubCode: 'GatedRepo' }
  const name = `${repo.type} ${formatRepoId(repo)}`
  if (caller.name === null) {
    const message = `Access to ${name} is restricted. You must have access to it and be authenticated to access it. Please log in.`
    return new AppError('unauthorized', 'REPO_GATED', message, { data })
  }
  const message = `Access to ${name} is restricted and you are not in the authorized list. Ask for access on ${webPath(repo)}/ask-access.`
  return new AppError('forbidden', 'REPO_GATED', message, { data })
}

/** Leads clients to where the repository is now. */
export function repoMoved(location: string): AppError {
  return new AppError('not-found', 'REPO_MOVED', 'The repository has another name now', {
    data: { headers: { location } },
  })
}

export function revisionNotFound(revision: string): AppError {
  const message = `Invalid rev id: ${revision.slice(0, 200)}`
  return new AppError('not-found', 'REVISION_NOT_FOUND', message, { data: { hubCode: 'RevisionNotFound' } })
}

export function entryNotFound(path: string, revision: string, commit: string): AppError {
  const message = `${path.slice(0, 500)} does not exist on "${revision.slice(0, 200)}"`
  const data = { hubCode: 'EntryNotFound', headers: commitHeader(commit) }
  return new AppError('not-found', 'ENTRY_NOT_FOUND', message, { data })
}

/** No code: clients would remember "no such file" for ever, but the file exists and may come back. */
export function contentMissing(path: string, sha256: string, commit: string): AppError {
  const message = `The bytes of ${path.slice(0, 500)} (sha256 ${sha256}) are damaged or missing here: push the file again`
  return new AppError('damaged', 'LFS_CONTENT_LOST', message, {
    data: { path, sha256, headers: commitHeader(commit) },
  })
}

export function lacksScope(caller: Caller, action: string): AppError {
  if (caller.name === null) return new AppError('unauthorized', 'SIGN_IN_FIRST', 'Invalid username or password.')
  const message = `You may not ${action}: token ${caller.tokenName} has only scope ${caller.scope}`
  return new AppError('forbidden', 'SCOPE_MISSING', message)
}

export function notYours(caller: Caller, action: string): AppError {
  return new AppError('forbidden', 'RIGHTS_MISSING', `You (${caller.name ?? 'anonymous'}) may not ${action}`)
}

export function badCredentials(): AppError {
  return new AppError('unauthorized', 'CREDENTIALS_BAD', 'Invalid credentials in Authorization header')
}
