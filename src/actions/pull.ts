/** Files of a repository into the Hugging Face cache or a folder, every byte proved before it gets its name. */

import { resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Env } from '../base/config.ts'
import { cancelled } from '../base/retry.ts'
import { checkPathHere } from '../base/safe-path.ts'
import { withinTime } from '../base/time-limit.ts'
import type { RepoType } from '../hub/repo-id.ts'
import { parseModelRef } from '../models/model-ref.ts'
import { explainFull } from '../transfer/disk-room.ts'
import { HfCache } from '../transfer/hf-cache.ts'
import { hfHome, isOffline, isOn } from '../transfer/hf-home.ts'
import type { HubClient, TreeFile } from '../transfer/hub-client.ts'
import { type HubChoice, openHub } from '../transfer/hub-location.ts'
import { formatRepo, type HubRepo } from '../transfer/hub-repo.ts'
import { LocalFolder } from '../transfer/local-folder.ts'
import { checkNames } from '../transfer/name-clash.ts'
import { pathFilter } from '../transfer/path-filter.ts'
import type { FileOutcome, OnProgress } from '../transfer/progress.ts'
import { getListing, pullFiles } from '../transfer/snapshot.ts'
import type { SnapshotPlace } from '../transfer/snapshot-place.ts'

export interface PullOptions extends HubChoice {
  /** NS/NAME, NS/NAME@REVISION, hf://… or an address. */
  readonly ref: string
  readonly repoType?: RepoType | undefined
  readonly revision?: string | undefined
  /** Exact paths; with none, all files that `include` and `exclude` leave. */
  readonly files?: readonly string[] | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly localDir?: string | undefined
  readonly cacheDir?: string | undefined
  readonly maxWorkers?: number | undefined
  /** Hash what is here, whatever earlier pulls proved. */
  readonly paranoid?: boolean | undefined
  /** Only say what would be fetched. */
  readonly dryRun?: boolean | undefined
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

export interface PullResult {
  readonly commit: string
  /** The folder that holds the files. */
  readonly snapshot: string
  readonly files: readonly FileOutcome[]
  readonly bytes: { readonly total: number; readonly cache: number; readonly peers: number; readonly origin: number }
  readonly seconds: number
  /** Of a dry run: how much of each file is here, whole or from an earlier attempt. */
  readonly here?: ReadonlyMap<string, number>
}

export function pull(options: PullOptions): Promise<PullResult> {
  const limit = { ms: options.limits?.maxTimeMs, signal: options.signal }
  return withinTime(limit, (signal) => pullNow({ ...options, signal }))
}

async function pullNow(options: PullOptions): Promise<PullResult> {
  const { clock = systemClock, signal, env = process.env } = options
  const startMs = clock.monotonicMs()
  const ref = parseModelRef(options.ref, { type: options.repoType })
  const revision = oneOf(ref.revision, options.revision, '--revision') ?? 'main'
  const target = { repo: ref.repo, revision, cache: cacheOf(options, env, ref.repo) }
  try {
    if (isOffline(env)) return await pullOffline(options, target, startMs)
    const hub = await openHub({ ...options, endpoint: oneOf(ref.endpoint, options.endpoint, '--endpoint') })
    try {
      return await pullFrom(hub, options, target, startMs)
    } finally {
      await hub.http.close()
    }
  } catch (error) {
    throw signal?.aborted ? cancelled(signal.reason) : error
  }
}

interface Target {
  readonly repo: HubRepo
  readonly revision: string
  readonly cache: HfCache
}

async function pullFrom(hub: HubClient, options: PullOptions, target: Target, startMs: number): Promise<PullResult> {
  const { repo, revision, cache } = target
  const { signal, onProgress = () => undefined, env = process.env, clock = systemClock } = options
  const commit = await hub.getCommit(repo, revision, signal)
  const listing = (await findListing(options, cache, commit)) ?? (await getListing(hub, repo, commit, signal))
  const files = await choose(options, target, commit, listing)
  onProgress(planEvent(files))
  const place = placeOf(options, cache, { revision, commit, files: listing })
  await checkNames(
    place.root,
    files.map(({ path }) => path),
  )
  const seconds = () => (clock.monotonicMs() - startMs) / 1000
  if (options.dryRun) return planPull(commit, place, files, seconds)
  await place.begin().catch((error: unknown) => {
    throw explainFull(error, place.root)
  })
  const workers = options.maxWorkers
  const useXet = !isOn(env.HF_HUB_DISABLE_XET)
  let outcomes: FileOutcome[]
  try {
    const { limits } = options
    outcomes = await pullFiles({ hub, repo, commit, files, place, workers, useXet, limits, onProgress, signal })
  } catch (error) {
    // What was proved spares work next time; why the pull failed is what is to be told.
    await place.keepProofs().catch((late: unknown) => late)
    throw error
  }
  await place.keepProofs()
  await place.finish()
  return resultOf(commit, place, outcomes, seconds())
}

/** The commit's listing as an earlier pull, or another tool, left it where the files go; a commit never changes. */
async function findListing({ localDir }: PullOptions, cache: HfCache, commit: string): Promise<TreeFile[] | null> {
  const near = localDir === undefined ? null : await LocalFolder.findTree(resolve(localDir), commit)
  return near ?? cache.findTree(commit)
}

/** From the cache alone: no socket is opened, and a snapshot counts only when its listing says it is whole. */
async function pullOffline(options: PullOptions, target: Target, startMs: number): Promise<PullResult> {
  const { repo, revision, cache } = target
  const { clock = systemClock, onProgress = () => undefined } = options
  const commit = await cache.findCommit(revision)
  const listing = commit === null ? null : await cache.findTree(commit)
  if (commit === null || listing === null) throw notHere(`${formatRepo(repo)} at ${revision} is not in the cache`)
  const files = await choose(options, target, commit, listing)
  onProgress(planEvent(files))
  const place = placeOf(options, cache, { revision, commit, files: listing })
  if (options.dryRun) return planPull(commit, place, files, () => (clock.monotonicMs() - startMs) / 1000)
  await place.begin()
  const outcomes: FileOutcome[] = []
  for (const file of files) {
    const localPath = await place.findPresent(file)
    if (localPath === null) throw notHere(`${file.path} of ${formatRepo(repo)} is not in the cache`)
    const { path, size: bytes, sha256, xetHash: fileHash } = file
    const outcome = { path, bytes, fileHash, sha256, localPath, source: 'cache' } as const
    outcomes.push(outcome)
    onProgress({ event: 'file', file: outcome })
  }
  return resultOf(commit, place, outcomes, (clock.monotonicMs() - startMs) / 1000)
}

function notHere(what: string): AppError {
  return new AppError('network', 'OFFLINE', `${what}, and offline (--offline, HF_HUB_OFFLINE) it is not fetched`)
}

async function choose(options: PullOptions, target: Target, commit: string, listing: readonly TreeFile[]) {
  const { repo, cache } = target
  const known = new Set(listing.map(({ path }) => path))
  const missing = options.files?.find((path) => !known.has(path))
  if (missing !== undefined) {
    if (options.localDir === undefined && !options.dryRun) await cache.markMissing(commit, missing)
    const message = `${formatRepo(repo)} has no file ${JSON.stringify(missing)} at ${commit}: see \`xorbit ls\``
    throw new AppError('not-found', 'ENTRY_NOT_FOUND', message)
  }
  const isWanted = pathFilter(options)
  const chosen = listing.filter(({ path }) => isWanted(path))
  // What this system's disks cannot hold can be left out by --exclude.
  for (const { path } of chosen) checkPathHere(path)
  return chosen
}

function cacheOf({ cacheDir, paranoid, signal }: PullOptions, env: Env, repo: HubRepo): HfCache {
  const cache = cacheDir === undefined ? hfHome(env).hubCache : resolve(cacheDir)
  const shared = !isOn(env.HF_HUB_DISABLE_SHARED_BLOBS) && !isOn(env.HF_HUB_DISABLE_XET)
  const links = !isOn(env.HF_HUB_DISABLE_SYMLINKS)
  return new HfCache({ cache, repo, shared, links, paranoid, signal })
}

function placeOf(options: PullOptions, cache: HfCache, snapshot: Parameters<HfCache['place']>[0]): SnapshotPlace {
  if (options.localDir === undefined) return cache.place(snapshot)
  const { localDir, paranoid, signal } = options
  return new LocalFolder({ folder: resolve(localDir), snapshot, paranoid, signal })
}

function planEvent(files: readonly TreeFile[]) {
  const sizes = new Map(files.map(({ path, size }) => [path, size]))
  return { event: 'plan', files: files.length, bytes: sum(files, ({ size }) => size), sizes } as const
}

/** Changes nothing; what an earlier attempt left counts as here. */
async function planPull(
  commit: string,
  place: SnapshotPlace,
  files: readonly TreeFile[],
  seconds: () => number,
): Promise<PullResult> {
  const here = new Map<string, number>()
  const outcomes: FileOutcome[] = []
  for (const file of files) {
    const { isWhole, bytes } = await place.look(file)
    here.set(file.path, bytes)
    const { path, size, xetHash: fileHash, sha256 } = file
    outcomes.push({ path, bytes: size, fileHash, sha256, localPath: '', source: isWhole ? 'cache' : 'origin' })
  }
  const cache = sum([...here.values()], (bytes) => bytes)
  const result = resultOf(commit, place, outcomes, seconds())
  return { ...result, here, bytes: { ...result.bytes, cache, origin: result.bytes.total - cache } }
}

function resultOf(commit: string, place: SnapshotPlace, files: readonly FileOutcome[], seconds: number): PullResult {
  const from = (source: FileOutcome['source']) => sum(files, (file) => (file.source === source ? file.bytes : 0))
  const bytes = { total: sum(files, (file) => file.bytes), cache: from('cache'), peers: 0, origin: from('origin') }
  return { commit, snapshot: place.root, files, bytes, seconds }
}

/** What the reference and the flag say, when they do not contradict each other. */
export function oneOf(fromRef: string | null, fromFlag: string | undefined, flag: string): string | undefined {
  if (fromRef !== null && fromFlag !== undefined && fromRef !== fromFlag.replace(/\/+$/, '')) {
    throw new AppError('usage', 'REF_CONTRADICTED', `The reference says ${fromRef}, ${flag} says ${fromFlag}: give one`)
  }
  return fromRef ?? fromFlag
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
