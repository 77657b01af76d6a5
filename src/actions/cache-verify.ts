/**
 * Hashes what a cache holds and compares it with its name: a blob with its ETag (git blob id or SHA-256), a shared one
 * with its Xet hash too, a file that is no link with the listing. Each file on the disk is read once. Changes nothing.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CachedBlob,
  type CachedFile,
  type CachedRepo,
  type CachedRevision,
  inodeKey,
  scanCache,
} from '../transfer/cache-scan.ts'
import { pathFilter } from '../transfer/path-filter.ts'
import type { OnProgress } from '../transfer/progress.ts'
import { listSharedBlobs } from '../transfer/shared-blob-care.ts'
import { findTreeFile } from '../transfer/tree-file.ts'
import { FileHasher } from '../xet/file-hasher.ts'
import { type CacheChoice, cacheFolder, findTarget } from './cache-choice.ts'

export interface CacheVerifyOptions extends CacheChoice {
  /** Repositories or revisions; none means all. */
  readonly targets?: readonly string[] | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly onDifference: (difference: CacheDifference) => void
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal | undefined
}

export interface CacheDifference {
  /** `datasets/NS/NAME`; null for a shared blob that nobody uses. */
  readonly repo: string | null
  /** In the repository, one of its names. */
  readonly path: string
  /** The file that is wrong. */
  readonly localPath: string
  readonly expected: string
  /** Its digest, or `missing`. */
  readonly actual: string
}

export interface CacheVerifyReport {
  readonly checked: number
  readonly differences: number
  /** Files whose names are no digests: nothing says what they should be. */
  readonly unknown: number
}

interface Check {
  readonly difference: Omit<CacheDifference, 'expected' | 'actual'>
  readonly filePath: string
  readonly size: number
  readonly etag: string | null
  readonly xetHash: string | null
}

interface Wish {
  readonly repo: CachedRepo
  readonly revisions: readonly CachedRevision[]
}

export async function verifyCache(options: CacheVerifyOptions): Promise<CacheVerifyReport> {
  const { onDifference, onProgress = () => undefined, signal, targets = [] } = options
  const scan = await scanCache(cacheFolder(options))
  const chosen = targets.map((text) => findTarget(scan, text, options.repoType))
  const wishes: Wish[] =
    targets.length === 0
      ? scan.repos.map((repo) => ({ repo, revisions: repo.revisions }))
      : chosen.map(({ repo, revision }) => ({ repo, revisions: revision === null ? repo.revisions : [revision] }))
  const isWanted = pathFilter(options)
  const hasGlobs = (options.include?.length ?? 0) + (options.exclude?.length ?? 0) > 0
  const { checks, missing, unknown } = await planChecks(wishes, isWanted, hasGlobs)
  if (targets.length === 0 && !hasGlobs) await addOrphans(scan.cache, checks)
  onProgress({
    event: 'plan',
    files: checks.size,
    bytes: [...checks.values()].reduce((sum, { size }) => sum + size, 0),
  })
  for (const difference of missing) onDifference(difference)
  let differences = missing.length
  for (const check of checks.values()) {
    const wrong = await compare(
      check,
      (bytes) => onProgress({ event: 'bytes', path: check.difference.path, bytes }),
      signal,
    )
    if (wrong !== null) {
      differences++
      onDifference({ ...check.difference, ...wrong })
    }
    const { path, localPath } = check.difference
    const file = { path, bytes: check.size, fileHash: check.xetHash, sha256: null, localPath, source: 'disk' } as const
    onProgress({ event: 'file', file })
  }
  return { checked: checks.size + missing.length, differences, unknown }
}

async function planChecks(wishes: readonly Wish[], isWanted: (path: string) => boolean, hasGlobs: boolean) {
  const checks = new Map<string, Check>()
  const missing: CacheDifference[] = []
  let unknown = 0
  for (const { repo, revisions } of wishes) {
    const listings = new Map<string, Awaited<ReturnType<typeof findTreeFile>>>()
    for (const { commit } of revisions) listings.set(commit, await findTreeFile(repo.folder, commit))
    const named = revisions.flatMap(({ files, commit }) => files.map((file) => ({ file, commit })))
    for (const { file, commit } of named.filter(({ file: { path } }) => isWanted(path))) {
      const listed = listings.get(commit)?.find(({ path }) => path === file.path)
      const blob = file.blob === null ? undefined : repo.blobs.get(file.blob)
      const etag = file.blob ?? listed?.sha256 ?? listed?.oid ?? null
      if (file.stat === null) missing.push(missingFile(repo, file, etag))
      else if (!addCheck(checks, { repo, path: file.path, file, blob, etag })) unknown++
    }
    if (hasGlobs || revisions.length < repo.revisions.length) continue
    const used = new Set(named.map(({ file }) => file.blob))
    for (const blob of repo.blobs.values()) {
      if (used.has(blob.name)) continue
      const path = join('blobs', blob.name)
      const file = { path, localPath: blob.path, blob: blob.name, stat: blob.stat }
      if (blob.stat === null) missing.push(missingFile(repo, file, blob.name))
      else if (!addCheck(checks, { repo, path, file, blob, etag: blob.name })) unknown++
    }
  }
  return { checks, missing, unknown }
}

function missingFile({ name }: CachedRepo, { path, localPath }: CachedFile, etag: string | null): CacheDifference {
  return { repo: name, path, localPath, expected: etag ?? 'a file', actual: 'missing' }
}

interface Named {
  readonly repo: CachedRepo
  readonly path: string
  readonly file: CachedFile
  readonly blob: CachedBlob | undefined
  readonly etag: string | null
}

/** One check for each file on the disk and each name it must have; false when nothing says what it should be. */
function addCheck(checks: Map<string, Check>, { repo, path, file, blob, etag }: Named): boolean {
  const digest = etag !== null && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag) ? etag : null
  if (file.stat === null || (digest === null && !blob?.xetHash)) return false
  const filePath = blob?.filePath ?? file.localPath
  const key = `${inodeKey(file.stat)} ${digest} ${blob?.xetHash}`
  if (checks.has(key)) return true
  const difference = { repo: repo.name, path, localPath: filePath }
  checks.set(key, { difference, filePath, size: file.stat.size, etag: digest, xetHash: blob?.xetHash ?? null })
  return true
}

async function addOrphans(cache: string, checks: Map<string, Check>): Promise<void> {
  const known = new Set([...checks.values()].map(({ filePath }) => filePath))
  for (const { path, xetHash, stat } of await listSharedBlobs(cache)) {
    if (known.has(path)) continue
    const difference = { repo: null, path: join('blobs', xetHash.slice(0, 2), xetHash), localPath: path }
    checks.set(path, { difference, filePath: path, size: stat.size, etag: null, xetHash })
  }
}

/** Null when the file is what its names say. */
async function compare(check: Check, onBytes: (bytes: number) => void, signal: AbortSignal | undefined) {
  const { etag, xetHash, filePath } = check
  const digest = etag === null ? null : startDigest(etag, check.size)
  const hasher = new FileHasher({})
  const file = await open(filePath)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const room = hasher.room()
      const { bytesRead } = await file.read(room, 0, room.length)
      if (bytesRead === 0) break
      digest?.update(room.subarray(0, bytesRead))
      // Cut into chunks only where a Xet hash is to be compared: it is the larger part of the work.
      if (xetHash !== null) hasher.fill(bytesRead)
      onBytes(bytesRead)
    }
    const actual = digest?.digest('hex')
    if (etag !== null && actual !== undefined && actual !== etag) return { expected: etag, actual }
    const fileHash = xetHash === null ? null : hasher.finish()
    return xetHash !== null && fileHash !== xetHash ? { expected: xetHash, actual: String(fileHash) } : null
  } finally {
    hasher.close()
    await file.close()
  }
}

function startDigest(etag: string, size: number) {
  return etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}
