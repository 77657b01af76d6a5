/** What lies between commits: where two meet, what differs, and where each blob came in. */
import type { GitCommand } from './git-command.ts'
import { type Oid, parseOid } from './oid.ts'

export interface PathChange {
  /** As git says: A added, D removed, M changed, T of another type. */
  readonly status: string
  readonly path: string
  /** Null where there was, or is, none. */
  readonly from: Oid | null
  readonly to: Oid | null
}

/** The commit that first brought a blob, and the path it had there. */
export interface Introduction {
  readonly blob: Oid
  readonly path: string
  readonly commit: Oid
  readonly seconds: number
}

const ZERO = /^0+$/

export async function findMergeBase(git: GitCommand, gitDir: string, a: Oid, b: Oid): Promise<Oid | null> {
  const { exit, stdout } = await git.run({ gitDir, args: ['merge-base', a, b] }, { answers: [1] })
  return exit === 0 ? parseOid(stdout.toString().trim()) : null
}

/** Stops reading at `bytesMax`: what follows is left out. */
export async function diffText(
  git: GitCommand,
  gitDir: string,
  { from, to, bytesMax }: { from: Oid; to: Oid; bytesMax: number },
): Promise<string> {
  const child = git.start({ gitDir, args: ['diff', '--no-color', '--no-ext-diff', '--no-renames', from, to, '--'] })
  child.stderr.resume()
  child.stdin.end()
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    parts.push(part)
    bytes += part.length
    if (bytes > bytesMax) break
  }
  child.kill('SIGKILL')
  return Buffer.concat(parts).subarray(0, bytesMax).toString('utf8')
}

export async function listChanges(git: GitCommand, gitDir: string, from: Oid, to: Oid): Promise<PathChange[]> {
  const args = ['diff-tree', '-r', '-z', '--no-renames', '--no-ext-diff', from, to, '--']
  const { stdout } = await git.run({ gitDir, args })
  const fields = stdout.toString('utf8').split('\0')
  const changes: PathChange[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) changes.push(parseRaw(fields[i] ?? '', fields[i + 1] ?? ''))
  return changes
}

/** Of every blob that `refs` reach, merges included; the oldest commit wins. */
export async function listIntroductions(
  git: GitCommand,
  gitDir: string,
  refs: readonly string[],
): Promise<Introduction[]> {
  if (refs.length === 0) return []
  const shape = ['--raw', '--no-abbrev', '--no-renames', '--root', '-m', '-r']
  const args = ['log', '-z', ...shape, '--format=tformat:%x01%H%x01%ct', ...refs, '--']
  const { stdout } = await git.run({ gitDir, args })
  const found = new Map<Oid, Introduction>()
  const fields = stdout.toString('utf8').split('\0')
  let commit: { commit: Oid; seconds: number } | null = null
  for (let i = 0; i < fields.length; i++) {
    const field = (fields[i] ?? '').replace(/^\n/, '')
    if (field.startsWith('\x01')) {
      const [, oid = '', seconds] = field.split('\x01')
      commit = { commit: parseOid(oid), seconds: Number(seconds) }
    } else if (field.startsWith(':') && commit !== null) {
      const { to, path } = parseRaw(field, fields[++i] ?? '')
      // Newest first: what comes later is older.
      if (to !== null) found.set(to, { blob: to, path, ...commit })
    }
  }
  return [...found.values()]
}

/** `:100644 100644 FROM TO M`, and the path behind it. */
function parseRaw(head: string, path: string): PathChange {
  const [, , from = '', to = '', status = ''] = head.split(' ')
  const oid = (text: string) => (ZERO.test(text) ? null : parseOid(text))
  return { status, path, from: oid(from), to: oid(to) }
}
