/** What clients write where a revision stands in a path, and which refs it may mean, in order. */
import { AppError } from '../base/app-error.ts'
import { isRefName } from '../git/ref-name.ts'

const BRANCH_PREFIX = 'refs/heads/'

export interface RevisionPath {
  readonly revision: string
  /** What follows the revision, decoded; '' when nothing does. */
  readonly path: string
}

/**
 * Cuts the rest of an address into revision and path. Clients send `refs/pr/1` raw or encoded, anything else as one
 * segment. Each segment is decoded exactly once.
 */
export function splitRevision(rawRest: string): RevisionPath {
  const segments = rawRest.split('/')
  const raw = /^refs\/(pr|convert)\/[^/]+/.exec(rawRest)
  const taken = raw === null ? 1 : 3
  const revision = segments.slice(0, taken).map(decodeSegment).join('/')
  const path = segments.slice(taken).map(decodeSegment).join('/').replace(/\/$/, '')
  return { revision, path }
}

export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    const message = `The address holds ${JSON.stringify(segment.slice(0, 100))}, which is no percent-encoded UTF-8`
    throw new AppError('usage', 'PATH_ENCODING_BAD', message, { cause: error })
  }
}

/**
 * Names to try with `Repository.findCommit`, best first: a branch before a tag before digits of a commit. Throws
 * REVISION_INVALID for what can name nothing, so that it reaches no command line.
 */
export function candidatesOf(revision: string): readonly string[] {
  if (revision === 'HEAD') return [`${BRANCH_PREFIX}main`]
  const full = /^refs\/(heads|tags|pr|convert)\/(.+)$/.exec(revision)
  if (full !== null && isRefName(full[2] ?? '')) return [revision]
  if (/^[0-9a-f]{40}$/.test(revision)) return [revision]
  if (!isRefName(revision)) {
    const shown = JSON.stringify(revision.slice(0, 100))
    throw new AppError('usage', 'REVISION_INVALID', `${shown} names no branch, tag or commit`)
  }
  const refs = [`${BRANCH_PREFIX}${revision}`, `refs/tags/${revision}`]
  return /^[0-9a-f]{7,39}$/.test(revision) ? [...refs, revision] : refs
}

/** The number of the pull request that `revision` names; null when it names none. */
export function pullNumberOf(revision: string): number | null {
  const [, digits] = /^refs\/pr\/(\d{1,9})$/.exec(revision) ?? []
  return digits === undefined ? null : Number(digits)
}

/** The ref a commit to `revision` moves: a branch, named short or in full. */
export function writableRef(revision: string): string {
  const name = revision.startsWith(BRANCH_PREFIX) ? revision.slice(BRANCH_PREFIX.length) : revision
  if (!isRefName(name) || /^refs\//.test(name)) {
    throw new AppError('usage', 'REVISION_INVALID', `${JSON.stringify(revision.slice(0, 100))} names no branch`)
  }
  return `${BRANCH_PREFIX}${name}`
}
