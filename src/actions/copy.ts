/**
 * Files of one repository of a Hub into another, or to another name in the same, in one commit. Large files are handed
 * over by the Hub without a byte sent; small ones come here, are proved, and go along in the commit.
 */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { AppError } from '../base/app-error.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { type ModelRef, parseModelRef } from '../models/model-ref.ts'
import { type CommitOperation, commitLines } from '../transfer/commit-lines.ts'
import { downloadPlainFile } from '../transfer/download-plain.ts'
import type { HubClient, TreeFile } from '../transfer/hub-client.ts'
import { type HubChoice, openHub } from '../transfer/hub-location.ts'
import { formatRepo } from '../transfer/hub-repo.ts'
import { pathFilter } from '../transfer/path-filter.ts'
import { oneOf } from './pull.ts'

/** Of all small files together: a Hub bounds the body of a commit. */
const SMALL_BYTES_MAX = 256 * 1024 * 1024

export interface CopyOptions extends HubChoice {
  readonly repoType?: RepoType | undefined
  /** Globs over the source's paths. */
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly message?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** `REPO[@REV]/PATH` to `REPO[@BRANCH][/PATH]`; a folder is copied with all below it, a `/` at the end names a folder. */
export async function copyFiles(source: string, target: string, options: CopyOptions) {
  const [from, to] = [source, target].map((text) =>
    parseModelRef(text.replace(/\/$/, ''), { type: options.repoType, target: true }),
  ) as [ModelRef, ModelRef]
  if (from.path === null)
    throw new AppError('usage', 'PATH_MISSING', `${source}: name a file or folder, REPO[@REV]/PATH`)
  const endpoint = oneOf(from.endpoint, oneOf(to.endpoint, options.endpoint, '--endpoint'), 'the two references')
  const hub = await openHub({ ...options, endpoint })
  const folder = await mkdtemp(join(tmpdir(), 'xorbit-'))
  try {
    const files = await listSource(hub, from, options)
    const isInto = target.endsWith('/') || to.path === null
    const place = (path: string) => targetOf(path, { from: from.path as string, to: to.path, isInto })
    const commit = files.commit
    if (formatRepo(from.repo) !== formatRepo(to.repo)) await handOver(hub, { from, to }, files.list, options.signal)
    const operations: CommitOperation[] = []
    for (const [i, entry] of files.list.entries()) {
      const localPath = join(folder, String(i))
      operations.push(
        await operationOf(hub, { from, commit, entry, localPath, path: place(entry.path) }, options.signal),
      )
    }
    const summary = options.message ?? `Copy ${from.path} from ${formatRepo(from.repo)}`
    const lines = commitLines({ summary, description: '', parent: null, operations })
    const made = await hub.commit(to.repo, to.revision ?? 'main', lines, options.signal)
    return { ...made, copied: operations.map(({ path }) => path) }
  } finally {
    await rm(folder, { recursive: true, force: true })
    await hub.http.close()
  }
}

/** As `cp` does: into a folder under the source's own name, else under the target's. */
function targetOf(path: string, { from, to, isInto }: { from: string; to: string | null; isInto: boolean }): string {
  const base = isInto ? posix.join(to ?? '', posix.basename(from)) : (to as string)
  return path === from ? base : posix.join(base, path.slice(from.length + 1))
}

async function listSource(hub: HubClient, { repo, revision, path }: ModelRef, options: CopyOptions) {
  const { signal } = options
  const isWanted = pathFilter({ include: options.include, exclude: options.exclude })
  const commit = await hub.getCommit(repo, revision ?? 'main', signal)
  const list: TreeFile[] = []
  let small = 0
  for await (const file of hub.listFiles(repo, commit, signal)) {
    if (file.path !== path && !file.path.startsWith(`${path}/`)) continue
    if (!isWanted(file.path)) continue
    list.push(file)
    if (file.sha256 === null) small += file.size
  }
  if (list.length === 0) {
    const message = `${formatRepo(repo)} has no ${JSON.stringify(path)} at ${commit}: see \`xorbit ls\``
    throw new AppError('not-found', 'ENTRY_NOT_FOUND', message)
  }
  if (small > SMALL_BYTES_MAX) {
    const message = `The small files are ${small} bytes, one commit takes ${SMALL_BYTES_MAX}: copy fewer at once`
    throw new AppError('too-large', 'COPY_TOO_LARGE', message)
  }
  return { commit, list }
}

async function handOver(
  hub: HubClient,
  { from, to }: { from: ModelRef; to: ModelRef },
  files: readonly TreeFile[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const large = files.filter(({ sha256 }) => sha256 !== null)
  if (large.length === 0) return
  const failed = await hub.duplicateFiles(from.repo, to.repo, large, signal)
  if (failed.length === 0) return
  const message = `The Hub could not hand over ${failed.length} large files, such as ${failed[0]}: pull and push them`
  throw new AppError('not-found', 'COPY_REFUSED', message)
}

interface Copied {
  readonly from: ModelRef
  readonly commit: string
  readonly entry: TreeFile
  readonly localPath: string
  readonly path: string
}

async function operationOf(
  hub: HubClient,
  { from, commit, entry, localPath, path }: Copied,
  signal: AbortSignal | undefined,
): Promise<CommitOperation> {
  const { sha256, size, oid } = entry
  if (sha256 !== null) return { op: 'large', path, sha256, size }
  const file = await open(localPath, 'wx+', 0o600)
  try {
    const request = hub.fileRequest(from.repo, commit, entry.path, signal)
    await downloadPlainFile({ http: hub.http, request, entry, file, onBytes: () => undefined })
  } finally {
    await file.close()
  }
  return { op: 'inline', path, localPath, size, oid }
}
