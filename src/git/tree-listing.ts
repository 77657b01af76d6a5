/** The whole tree of a commit, by one git call. */
import assert from 'node:assert'
import { AppError } from '../base/app-error.ts'
import { type GitCommand, gitFailed, keepText, tooMuchOutput } from './git-command.ts'
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
const LIST_MS = 120_000

/**
 * Files and folders below the root in git's order, which puts a folder before what it holds. Submodules are left out.
 * Lines are read as git writes them, so that a tree of a hundred thousand neither lies in memory twice nor stops others.
 */
export async function listTree(git: GitCommand, gitDir: string, tree: Oid): Promise<TreeEntry[]> {
  const call = { gitDir, args: ['ls-tree', '-r', '-t', '-l', '-z', '--full-tree', tree] }
  const child = git.start(call)
  const stderr = keepText(child.stderr)
  const exit = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  child.once('error', (error) => stderr.push(error.message))
  child.stdin.on('error', (error) => stderr.push(error.message))
  child.stdin.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), LIST_MS)
  try {
    const entries: TreeEntry[] = []
    let bytes = 0
    let rest: Buffer = Buffer.alloc(0)
    for await (const part of child.stdout) {
      bytes += (part as Buffer).length
      if (bytes > LIST_BYTES_MAX) throw tooMuchOutput(call, LIST_BYTES_MAX)
      rest = takeEntries(rest.length === 0 ? (part as Buffer) : Buffer.concat([rest, part as Buffer]), entries)
      if (entries.length > TREE_PATHS_MAX) throw tooManyPaths()
    }
    const code = await exit
    if (code !== 0) throw gitFailed(call, code, stderr.join(''))
    return entries
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
  }
}

/** What is behind the last whole line. */
function takeEntries(bytes: Buffer, entries: TreeEntry[]): Buffer {
  let start = 0
  for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, start)) {
    const entry = parseEntry(bytes.toString('utf8', start, end))
    if (entry !== null) entries.push(entry)
    start = end + 1
  }
  return bytes.subarray(start)
}

function tooManyPaths(): AppError {
  const message = `The revision holds more files and folders than the ${TREE_PATHS_MAX} that are served`
  return new AppError('too-large', 'REVISION_TOO_LARGE', message)
}

function parseEntry(line: string): TreeEntry | null {
  const [, mode, type, oid, size, path] = /^(\d{6}) (\w+) ([0-9a-f]{40}) +(\d+|-)\t(.+)$/s.exec(line) ?? []
  assert(mode !== undefined && path !== undefined, `git ls-tree gave ${JSON.stringify(line.slice(0, 200))}`)
  if (type !== 'blob' && type !== 'tree') return null
  return { type, mode, oid: parseOid(oid ?? ''), size: type === 'blob' ? Number(size) : 0, path }
}
