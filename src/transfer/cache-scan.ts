/**
 * What a Hugging Face cache holds: repositories, their revisions and files, the blobs behind them and what they take on
 * the disk. Looks only. Whatever is no part of the layout is named, never taken for one.
 */
import type { Stats } from 'node:fs'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { ifThere, lstatIfThere, statIfThere } from '../base/if-there.ts'
import { formatRepo } from './hub-repo.ts'

const REPO_TYPES: Readonly<Record<string, CachedRepo['type']>> = {
  models: 'model',
  datasets: 'dataset',
  spaces: 'space',
  kernels: 'kernel',
}
/** Of the cache itself. */
const OWN_NAMES = new Set(['CACHEDIR.TAG', '.locks', 'version.txt', '.DS_Store'])
/** A folder that is being removed, in the cache or in a repository's. */
export const GONE_PREFIX = '.xorbit-gone.'
const SHARED_PATH = /^blobs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/

export interface CachedBlob {
  /** Its ETag. */
  readonly name: string
  /** In the repository: the file, or a link into the shared store. */
  readonly path: string
  /** The file itself. */
  readonly filePath: string
  /** When it lies in the shared store. */
  readonly xetHash: string | null
  /** Null when a link leads nowhere. */
  readonly stat: Stats | null
}

export interface CachedFile {
  /** In the repository. */
  readonly path: string
  readonly localPath: string
  /** Null for a file that is no link into `blobs`. */
  readonly blob: string | null
  /** Null when what it leads to is missing. */
  readonly stat: Stats | null
}

export interface CachedRevision {
  readonly commit: string
  readonly folder: string
  /** Branches and tags that named it when they were last asked for. */
  readonly refs: readonly string[]
  readonly files: readonly CachedFile[]
  /** When a name was last added to the snapshot. */
  readonly changedMs: number
}

export interface CachedRepo {
  readonly type: 'model' | 'dataset' | 'space' | 'kernel'
  readonly id: string
  /** As commands spell it. */
  readonly name: string
  readonly folder: string
  readonly revisions: readonly CachedRevision[]
  readonly blobs: ReadonlyMap<string, CachedBlob>
  readonly refs: ReadonlyMap<string, string>
}

export interface CacheScan {
  readonly cache: string
  readonly repos: readonly CachedRepo[]
  /** Names in the cache that are no part of it. */
  readonly strange: readonly string[]
}

export async function scanCache(cache: string): Promise<CacheScan> {
  const root = resolve(cache)
  const repos: CachedRepo[] = []
  const strange: string[] = []
  for (const name of (await listCache(root)).sort()) {
    if (OWN_NAMES.has(name) || name === 'blobs' || name.startsWith(GONE_PREFIX)) continue
    const repo = await scanRepo(root, name)
    if (repo === null) strange.push(name)
    else repos.push(repo)
  }
  return { cache: root, repos, strange }
}

async function listCache(cache: string): Promise<string[]> {
  try {
    return await readdir(cache)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    if (systemCode(error) !== 'ENOTDIR') throw error
    throw new AppError('usage', 'CACHE_NO_FOLDER', `${cache} is no folder: give --cache-dir, or set HF_HUB_CACHE`)
  }
}

/** Null when it is none. */
export async function scanRepo(cache: string, name: string): Promise<CachedRepo | null> {
  const [prefix = '', ...words] = name.split('--')
  const type = REPO_TYPES[prefix]
  const folder = join(cache, name)
  if (type === undefined || words.length === 0 || !(await lstatIfThere(folder))?.isDirectory()) return null
  const id = words.join('/')
  const refs = await readRefs(join(folder, 'refs'))
  const blobs = await scanBlobs(cache, folder)
  const revisions: CachedRevision[] = []
  for (const commit of await namesIn(join(folder, 'snapshots'))) {
    const place = join(folder, 'snapshots', commit)
    const found = await lstatIfThere(place)
    if (!found?.isDirectory()) continue
    const named = [...refs].filter(([, target]) => target === commit).map(([ref]) => ref)
    revisions.push({
      ...{ commit, folder: place, refs: named.sort() },
      ...(await scanFiles(folder, place, found.mtimeMs)),
    })
  }
  const spelled = type === 'kernel' ? `kernels/${id}` : formatRepo({ type, id })
  return { type, id, name: spelled, folder, revisions, blobs, refs }
}

async function readRefs(folder: string): Promise<Map<string, string>> {
  const refs = new Map<string, string>()
  for await (const path of walk(folder)) {
    if (path.endsWith('.tmp')) continue
    refs.set(relative(folder, path).split(sep).join('/'), (await readFile(path, 'utf8')).trim())
  }
  return refs
}

async function scanBlobs(cache: string, folder: string): Promise<Map<string, CachedBlob>> {
  const blobs = new Map<string, CachedBlob>()
  for (const name of await namesIn(join(folder, 'blobs'))) {
    if (name.endsWith('.incomplete') || name.startsWith('.')) continue
    const path = join(folder, 'blobs', name)
    const target = await linkTarget(path)
    const inCache = target === null ? '' : relative(cache, target).split(sep).join('/')
    const filePath = target ?? path
    const xetHash = SHARED_PATH.exec(inCache)?.[2] ?? null
    blobs.set(name, { name, path, filePath, xetHash, stat: await statIfThere(path) })
  }
  return blobs
}

async function scanFiles(repoFolder: string, snapshot: string, sinceMs: number) {
  const blobs = join(repoFolder, 'blobs')
  const files: CachedFile[] = []
  let changedMs = sinceMs
  for await (const localPath of walk(snapshot)) {
    changedMs = Math.max(changedMs, (await lstatIfThere(localPath))?.mtimeMs ?? 0)
    const target = await linkTarget(localPath)
    const isBlob = target !== null && dirname(target) === blobs
    files.push({
      ...{ path: relative(snapshot, localPath).split(sep).join('/'), localPath },
      ...{ blob: isBlob ? relative(blobs, target) : null, stat: await statIfThere(localPath) },
    })
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), changedMs }
}

/** The names of blobs that some snapshot of the repository uses now. */
export async function linkedBlobs(repoFolder: string): Promise<Set<string>> {
  const blobs = join(repoFolder, 'blobs')
  const names = new Set<string>()
  for await (const path of walk(join(repoFolder, 'snapshots'))) {
    const target = await linkTarget(path)
    if (target !== null && dirname(target) === blobs) names.add(relative(blobs, target))
  }
  return names
}

/** Files and links below a folder, however deep; links are not followed. */
export async function* walk(folder: string): AsyncGenerator<string> {
  for (const name of (await namesIn(folder)).sort()) {
    const path = join(folder, name)
    if ((await lstatIfThere(path))?.isDirectory()) yield* walk(path)
    else yield path
  }
}

/** Where one link leads, as an absolute path; null when it is none. */
export async function linkTarget(path: string): Promise<string | null> {
  try {
    return resolve(dirname(path), await readlink(path))
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null
    throw error
  }
}

/** Bytes that the file takes on the disk. */
export function diskBytes({ blocks }: Stats): number {
  return 512 * blocks
}

/** Two names of one file have one key. */
export function inodeKey({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}

export async function namesIn(folder: string): Promise<string[]> {
  return ifThere(readdir(folder)).then((names) => names ?? [])
}
