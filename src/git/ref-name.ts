/** The rules of `git check-ref-format`, so that no other name ever reaches a git command line. */
import { AppError } from '../base/app-error.ts'

/** Loose refs are files: a part of a name must fit a file name with `.lock` behind it, the whole a path. */
const REF_BYTES_MAX = 512
const PART_BYTES_MAX = 200
// Controls and space, then the characters that revisions, refspecs, globs and Windows paths give a meaning.
const FORBIDDEN = /[\p{Cc} ~^:?*[\\\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u

/** Whether `refs/heads/NAME` is a ref: for branches and tags. */
export function isRefName(name: string): boolean {
  if (name === '' || name === '@' || name === 'HEAD' || name.startsWith('-')) return false
  if (Buffer.byteLength(name) > REF_BYTES_MAX || !name.isWellFormed() || FORBIDDEN.test(name)) return false
  if (name.includes('..') || name.includes('@{') || name.endsWith('.')) return false
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && fitsFile(part))
}

function fitsFile(part: string): boolean {
  return !part.endsWith('.lock') && Buffer.byteLength(part) <= PART_BYTES_MAX
}

export function checkRefName(name: string): void {
  if (!isRefName(name)) {
    throw new AppError('usage', 'REF_NAME_INVALID', `${JSON.stringify(name.slice(0, 100))} cannot name a branch or tag`)
  }
}
