/** Looking at and changing repositories on a Hub without copying them: list, print one file, delete files. */
import { createReadStream } from 'node:fs'
import { join, resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { checkRepoPath } from '../base/safe-path.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { type ModelRef, parseModelRef } from '../models/model-ref.ts'
import { commitLines } from '../transfer/commit-lines.ts'
import { digestOf } from '../transfer/content-check.ts'
import { contentId, downloadPlainFile } from '../transfer/download-plain.ts'
import { HfCache } from '../transfer/hf-cache.ts'
import { hfHome, isOffline } from '../transfer/hf-home.ts'
import type { HubClient, TreeFile } from '../transfer/hub-client.ts'
import { type HubChoice, openHub } from '../transfer/hub-location.ts'
import { formatRepo } from '../transfer/hub-repo.ts'
import { pathFilter } from '../transfer/path-filter.ts'
import { listCommit } from './list-commit.ts'
import { oneOf } from './pull.ts'
import { TempFile } from './temp-file.ts'

export interface BrowseOptions extends HubChoice {
  readonly repoType?: RepoType | undefined
  readonly revision?: string | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  /** Where to look when no Hub may be asked. */
  readonly cacheDir?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ListedFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string | null
  readonly fileHash: string | null
}

/** Names of the repositories of a Hub that the caller may see; `owner` narrows them down. */
export async function listRepos(
  owner: string | null,
  options: BrowseOptions,
  each: (id: string) => void,
): Promise<number> {
  return withHub(options, null, async (hub) => {
    let count = 0
    for await (const { id } of hub.listRepos(options.repoType ?? 'model', owner, options.signal)) {
      each(id)
      count++
    }
    return count
  })
}

/** Files of `REPO[@REV][/PATH]`; a path is a file or a folder. */
export async function listFiles(target: string, options: BrowseOptions) {
  const { env = process.env } = options
  const ref = parseModelRef(target, { type: options.repoType, target: true })
  const endpoint = oneOf(ref.endpoint, options.endpoint, '--endpoint')
  const wish = { repo: ref.repo, revision: revisionOf(ref, options), cache: cacheOf(ref, options), env }
  const { commit, files: listed } = await listCommit({ ...options, endpoint }, wish)
  const isWanted = pathFilter(options)
  const below = listed.filter(({ path }) => isBelow(path, ref.path))
  if (below.length === 0 && ref.path !== null) throw noEntry(ref, commit)
  const files = below.filter(({ path }) => isWanted(path))
  return {
    commit,
    files: files.map(({ path, size, sha256, xetHash }) => ({ path, bytes: size, sha256, fileHash: xetHash })),
  }
}

/**
 * One file, proved before its first byte is given: it is kept in a temporary file until its digest agrees, so whoever
 * reads the output never has to take something back.
 */
export async function readRepoFile(
  target: string,
  options: BrowseOptions,
  write: (piece: Uint8Array) => Promise<void>,
) {
  const ref = parseModelRef(target, { type: options.repoType, target: true })
  const { path } = ref
  if (path === null) throw new AppError('usage', 'PATH_MISSING', 'Name a file: REPO[@REV]/PATH')
  if (isOffline(options.env ?? process.env)) return readCachedFile(ref, path, options, write)
  return withHub(options, ref, async (hub) => {
    const { signal } = options
    const commit = await hub.getCommit(ref.repo, revisionOf(ref, options), signal)
    const entry = await findFile(hub, ref, commit, path, signal)
    await using temp = await TempFile.create()
    const request = hub.fileRequest(ref.repo, commit, path, signal)
    await downloadPlainFile({ http: hub.http, request, entry, file: temp.file, onBytes: () => undefined })
    for await (const piece of temp.read()) await write(piece)
  })
}

/** Out of the cache, after its digest was compared with the listing that lies there. */
async function readCachedFile(
  ref: ModelRef,
  path: string,
  options: BrowseOptions,
  write: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const { env = process.env, signal } = options
  const cache = cacheOf(ref, options)
  const revision = revisionOf(ref, options)
  const { commit, files } = await listCommit(options, { repo: ref.repo, revision, cache, env })
  const file = files.find((one) => one.path === path)
  if (file === undefined) throw noEntry(ref, commit)
  const place = join(cache.snapshotFolder(commit), path)
  const actual = await digestOf(place, file, signal)
  if (actual === null) {
    throw new AppError('network', 'OFFLINE', `${path} of ${formatRepo(ref.repo)} is not in the cache: pull it first`)
  }
  if (actual !== contentId(file)) {
    const message = `${place} is not what the Hub lists: pull ${formatRepo(ref.repo)} with --paranoid`
    throw new AppError('integrity', 'CONTENT_MISMATCH', message)
  }
  for await (const piece of createReadStream(place, { signal })) await write(piece as Uint8Array)
}

/** Deletes files (a path ending in `/` is a folder) in one commit. */
export async function removeFiles(
  repo: string,
  paths: readonly string[],
  options: BrowseOptions & { readonly message?: string | undefined },
) {
  const ref = parseModelRef(repo, { type: options.repoType })
  for (const path of paths) checkRepoPath(path.replace(/\/$/, ''))
  return withHub(options, ref, async (hub) => {
    const operations = paths.map((path) => ({ op: 'delete', path, isFolder: path.endsWith('/') }) as const)
    const summary = options.message ?? `Delete ${paths.length === 1 ? paths[0] : `${paths.length} paths`}`
    const lines = commitLines({ summary, description: '', parent: null, operations })
    return hub.commit(ref.repo, revisionOf(ref, options), lines, options.signal)
  })
}

async function findFile(
  hub: HubClient,
  ref: ModelRef,
  commit: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<TreeFile> {
  const file = await hub.findFile(ref.repo, commit, path, signal)
  if (file === null) throw noEntry(ref, commit)
  return file
}

function noEntry(ref: ModelRef, commit: string): AppError {
  const message = `${formatRepo(ref.repo)} has no ${JSON.stringify(ref.path)} at ${commit}: see \`xorbit ls\``
  return new AppError('not-found', 'ENTRY_NOT_FOUND', message)
}

function isBelow(path: string, wanted: string | null): boolean {
  return wanted === null || path === wanted || path.startsWith(`${wanted}/`)
}

function revisionOf(ref: ModelRef, options: BrowseOptions): string {
  return oneOf(ref.revision, options.revision, '--revision') ?? 'main'
}

function cacheOf({ repo }: ModelRef, { cacheDir, env = process.env, signal }: BrowseOptions): HfCache {
  const cache = cacheDir === undefined ? hfHome(env).hubCache : resolve(cacheDir)
  return new HfCache({ cache, repo, shared: false, signal })
}

async function withHub<T>(
  options: BrowseOptions,
  ref: ModelRef | null,
  task: (hub: HubClient) => Promise<T>,
): Promise<T> {
  const hub = await openHub({ ...options, endpoint: oneOf(ref?.endpoint ?? null, options.endpoint, '--endpoint') })
  try {
    return await task(hub)
  } finally {
    await hub.http.close()
  }
}
