/** The whole tree of a commit, by one git call. */
import assert from 'node:assert'
import { AppError } from '../base/app-error.ts'
import type { GitCommand } from './git-command.ts'
import { type Oid, parseOid } from './oid.ts'

export interface TreeEntry {
  readonly type: 'blob' | 'tree'
  /** As git writes it, such as `100644`. */
  readonly mode: string
  readonly oid: Oid
  /** Bytes of the blob; 0 for a tree. */
  readonly size: number
  /** Slashes between names, none at either end. */
  readonly path: string
}

const LIST_BYTES_MAX = 512 * 1024 * 1024
/** Files and folders: each is kept in memory while its commit is in use. */
export const TREE_PATHS_MAX = 800_000

/** Files and folders below the root in git's order, which puts a folder before what it holds. Submodules are left out. */
export async function listTree(git: GitCommand, gitDir: string, tree: Oid): Promise<TreeEntry[]> {
  const args = ['ls-tree', '-r', '-t', '-l', '-z', '--full-tree', tree]
  const { stdout } = await git.run({ gitDir, args }, { outputBytesMax: LIST_BYTES_MAX })
  checkCount(stdout)
  const entries: TreeEntry[] = []
  for (let start = 0; start < stdout.length; ) {
    const end = stdout.indexOf(0, start)
    const entry = parseEntry(stdout.toString('utf8', start, end))
    if (entry !== null) entries.push(entry)
    start = end + 1
  }
  return entries
}

/** Before anything is made of them. */
function checkCount(listed: Buffer): void {
  let count = 0
  for (let at = listed.indexOf(0); at >= 0; at = listed.indexOf(0, at + 1)) count++
  if (count <= TREE_PATHS_MAX) return
  const message = `The revision holds ${count} files and folders, more than the ${TREE_PATHS_MAX} that are served`
  throw new AppError('too-large', 'REVISION_TOO_LARGE', message)
}

function parseEntry(line: string): TreeEntry | null {
  const [, mode, type, oid, size, path] = /^(\d{6}) (\w+) ([0-9a-f]{40}) +(\d+|-)\t(.+)$/s.exec(line) ?? []
  assert(mode !== undefined && path !== undefined, `git ls-tree gave ${JSON.stringify(line.slice(0, 200))}`)
  if (type !== 'blob' && type !== 'tree') return null
  return { type, mode, oid: parseOid(oid ?? ''), size: type === 'blob' ? Number(size) : 0, path }
}
