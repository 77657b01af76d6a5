/** Commits in order, and which commit last touched a path. */
import type { GitCommand } from './git-command.ts'
import { type Oid, parseOid } from './oid.ts'

export interface CommitInfo {
  readonly oid: Oid
  readonly author: string
  readonly seconds: number
  readonly title: string
  /** What follows the title. */
  readonly message: string
}

export interface CommitPage {
  readonly skip: number
  readonly count: number
  /** Without what this commit reaches. */
  readonly not?: Oid
}

/** How far back the last commit of a path is looked for. */
const LOOK_BACK_COMMITS_MAX = 10_000
const FIELDS = '%H%x00%an%x00%ct%x00%s%x00%b'

export async function listCommits(
  git: GitCommand,
  gitDir: string,
  from: Oid,
  { skip, count, not }: CommitPage,
): Promise<CommitInfo[]> {
  const range = not === undefined ? [from] : [from, `^${not}`]
  const args = ['log', '-z', `--format=tformat:${FIELDS}`, `--skip=${skip}`, `--max-count=${count}`, ...range, '--']
  const { stdout } = await git.run({ gitDir, args })
  const fields = stdout.toString('utf8').split('\0')
  const commits: CommitInfo[] = []
  for (let i = 0; i + 5 <= fields.length; i += 5) {
    const [oid = '', author = '', seconds, title = '', message = ''] = fields.slice(i, i + 5)
    commits.push({ oid: parseOid(oid), author, seconds: Number(seconds), title, message: message.trim() })
  }
  return commits
}

export async function countCommits(git: GitCommand, gitDir: string, from: Oid): Promise<number> {
  const { stdout } = await git.run({ gitDir, args: ['rev-list', '--count', from, '--'] })
  return Number(stdout.toString())
}

/**
 * For each of `paths` (files, or folders for anything in them) the newest commit that touched it; a path older than
 * LOOK_BACK_COMMITS_MAX commits is absent.
 */
export async function findLastCommits(
  git: GitCommand,
  gitDir: string,
  from: Oid,
  paths: readonly string[],
): Promise<ReadonlyMap<string, CommitInfo>> {
  const found = new Map<string, CommitInfo>()
  const wanted = new Set(paths)
  const child = git.start({
    gitDir,
    args: [
      ...['log', '-z', '--first-parent', '-m', '--no-renames', '--root', '--name-only', '--encoding=UTF-8'],
      ...[`--max-count=${LOOK_BACK_COMMITS_MAX}`, '--format=tformat:%x01%H%x01%an%x01%ct%x01%s', from, '--'],
    ],
  })
  child.stderr.resume()
  child.stdin.end()
  let rest = ''
  let commit: CommitInfo | null = null
  child.stdout.setEncoding('utf8')
  for await (const part of child.stdout) {
    const tokens = (rest + part).split('\0')
    rest = tokens.pop() ?? ''
    for (const token of tokens) {
      const line = token.replace(/^\n/, '')
      if (line.startsWith('\x01')) commit = parseHead(line)
      else if (line !== '' && commit !== null) note(line, commit, wanted, found)
    }
    if (wanted.size === 0) break
  }
  child.kill('SIGKILL')
  return found
}

/** The path and every folder above it were touched by `commit`, unless a newer one did. */
function note(path: string, commit: CommitInfo, wanted: Set<string>, found: Map<string, CommitInfo>): void {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('/'), 0))) {
    if (wanted.delete(at)) found.set(at, commit)
  }
}

function parseHead(line: string): CommitInfo {
  const [, oid = '', author = '', seconds, ...title] = line.split('\x01')
  return { oid: parseOid(oid), author, seconds: Number(seconds), title: title.join(' '), message: '' }
}
