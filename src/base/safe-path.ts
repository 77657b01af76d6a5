/**
 * One rule for names that come from others, under POSIX and under Windows reading, on every system: a path of a file in
 * a repository may not leave its folder, hide, or mean something else on another machine.
 */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from './app-error.ts'

const PATH_BYTES_MAX = 4096
const NAME_BYTES_MAX = 255
// Controls, bidirectional overrides and invisible characters that HFS+ ignores when it compares names.
const FORBIDDEN = /[\p{Cc}\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u
/** `.git` in every spelling that some file system takes for it. */
const GIT_FOLDER = /^(\.git|git~\d+)[. ]*$/i
/** Windows takes these for a device, whatever stands behind the first dot. */
const DEVICE = /^(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$) *(\..*)?$/i

/** Throws PATH_UNSAFE unless `path` (with `/`) names a file inside a repository. */
export function checkRepoPath(path: string): void {
  const reason = findFault(path)
  if (reason !== null) {
    throw new AppError('malformed', 'PATH_UNSAFE', `Path ${JSON.stringify(path.slice(0, 200))} refused: ${reason}`)
  }
}

/**
 * For names that are new: also PATH_UNSAFE when Windows could not hold it or would take it for something else. Where such
 * a name exists already it is read, written to disks that hold it, and deleted like any other.
 */
export function checkNewPath(path: string): void {
  checkRepoPath(path)
  const reason = findForeign(path)
  if (reason === null) return
  const message = `Path ${JSON.stringify(path.slice(0, 200))} refused: ${reason}, so Windows cannot hold it: rename it`
  throw new AppError('malformed', 'PATH_UNSAFE', message)
}

/** For names that become files here: as strict as the disks of this system. */
export function checkPathHere(path: string, platform: string = process.platform): void {
  if (platform === 'win32') checkNewPath(path)
  else checkRepoPath(path)
}

function findForeign(path: string): string | null {
  for (const name of path.split('/')) {
    if (DEVICE.test(name)) return 'a part names a device'
    if (name.includes(':')) return 'a part holds a colon'
    if (/[. ]$/.test(name)) return 'a part ends in a dot or a space'
  }
  return null
}

function findFault(path: string): string | null {
  if (path === '') return 'it is empty'
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `it is longer than ${PATH_BYTES_MAX} bytes`
  if (!path.isWellFormed()) return 'it is not well-formed text'
  if (FORBIDDEN.test(path)) return 'it holds a control or invisible character'
  if (path.includes('\\')) return 'it holds a backslash'
  if (/^[a-z]:/i.test(path)) return 'it names a drive'
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..') return 'a part is empty, "." or ".."'
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `a part is longer than ${NAME_BYTES_MAX} bytes`
    if (GIT_FOLDER.test(name)) return 'a part means the .git folder'
  }
  return null
}

/**
 * The place of `path` below `root`, for writing. Throws PATH_UNSAFE when the name is bad, and PATH_CROSSES_LINK when an
 * existing folder on the way is a symbolic link.
 */
export async function resolveInside(root: string, path: string): Promise<string> {
  checkRepoPath(path)
  const parts = path.split('/')
  let at = root
  for (const name of parts.slice(0, -1)) {
    at = join(at, name)
    const stat = await lstat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (stat === null) break
    if (stat.isSymbolicLink()) {
      throw new AppError('malformed', 'PATH_CROSSES_LINK', `${at} is a symbolic link: refusing to write through it`)
    }
  }
  return join(root, ...parts)
}
