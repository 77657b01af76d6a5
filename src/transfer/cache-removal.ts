/**
 * Takes repositories, revisions and unused blobs out of a Hugging Face cache. First the names (snapshots, refs), then
 * blobs that no remaining snapshot uses, then shared blobs that no repository refers to any more.
 *
 * Others may work in the same cache: a repository in which a process is downloading is refused. A blob is renamed, the
 * snapshots are read again, and it comes back if one links to it by then. A kill at any point leaves what `prune` removes.
 */
import { randomBytes } from 'node:crypto'
import { rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import { lstatIfThere, renameIfThere, textIfThere } from '../base/if-there.ts'
import { ownerName } from '../base/process-owner.ts'
import { repoLeftovers } from './cache-leftovers.ts'
import {
  type CachedBlob,
  type CachedRepo,
  diskBytes,
  GONE_PREFIX,
  inodeKey,
  linkedBlobs,
  namesIn,
  scanRepo,
} from './cache-scan.ts'
import { findReferences, sweepSharedBlob } from './shared-blob-care.ts'

export interface Removal {
  readonly repo: CachedRepo
  /** Null: the whole repository. */
  readonly commits: readonly string[] | null
  readonly blobs: readonly CachedBlob[]
}

/** What goes when these revisions go; with the last one the whole repository. */
export function planRemoval(repo: CachedRepo, commits: readonly string[] | null): Removal {
  const staying = repo.revisions.filter(({ commit }) => commits !== null && !commits.includes(commit))
  if (staying.length === 0) return { repo, commits: null, blobs: [...repo.blobs.values()] }
  const used = new Set(staying.flatMap(({ files }) => files.map(({ blob }) => blob)))
  const leaving = repo.revisions.filter(({ commit }) => commits?.includes(commit))
  const unused = new Set(
    leaving.flatMap(({ files }) => files.map(({ blob }) => blob)).filter((name) => !used.has(name)),
  )
  return { repo, commits, blobs: [...repo.blobs.values()].filter(({ name }) => unused.has(name)) }
}

/** Bytes on the disk that these removals free together; a file that has a name elsewhere frees none. */
export async function bytesFreed(cache: string, removals: readonly Removal[]): Promise<number> {
  const seen = new Set<string>()
  const links = new Set(removals.flatMap(({ repo, blobs }) => blobs.map((blob) => linkName(repo, blob))))
  let bytes = 0
  for (const { repo, commits, blobs } of removals) {
    const copies = repo.revisions
      .filter(({ commit }) => commits === null || commits.includes(commit))
      .flatMap(({ files }) => files.filter(({ blob }) => blob === null))
    const going = [...blobs, ...copies.map(({ stat }) => ({ stat, xetHash: null, filePath: '' }))]
    for (const { stat, xetHash, filePath } of going) {
      if (stat === null || stat.nlink > 1 || seen.has(inodeKey(stat))) continue
      if (xetHash !== null && !areAllIn(links, await findReferences(cache, filePath))) continue
      seen.add(inodeKey(stat))
      bytes += diskBytes(stat)
    }
  }
  return bytes
}

function areAllIn(links: ReadonlySet<string>, references: readonly string[] | null): boolean {
  return references !== null && references.length > 0 && references.every((line) => links.has(line))
}

function linkName(repo: CachedRepo, { name }: CachedBlob): string {
  return `${basename(repo.folder)}/blobs/${name}`
}

/** Throws CACHE_IN_USE while a process downloads into the repository. */
export async function checkUnused(cache: string, { name, folder }: CachedRepo, clock: Clock): Promise<void> {
  const active = (await repoLeftovers(cache, basename(folder), clock)).find(({ isLeft }) => !isLeft)
  if (active === undefined) return
  const message = `A process seems to be downloading ${name}: wait until it has ended (${active.path})`
  throw new AppError('busy', 'CACHE_IN_USE', message, { data: { path: active.path } })
}

/** Does it. */
export async function remove(cache: string, removal: Removal): Promise<void> {
  const { repo, commits } = removal
  const shared = removal.blobs.flatMap(({ xetHash, filePath }) => (xetHash === null ? [] : [filePath]))
  if (commits === null) await removeRepo(cache, repo)
  else {
    for (const commit of commits) await removeRevision(repo, commit)
    await removeBlobs(repo.folder, removal.blobs)
  }
  for (const path of shared) await sweepSharedBlob(cache, path)
}

async function removeRepo(cache: string, repo: CachedRepo): Promise<void> {
  const gone = await putAside(repo.folder, cache)
  if (gone === null) return
  await rm(gone, { recursive: true, force: true })
}

async function removeRevision({ folder, refs }: CachedRepo, commit: string): Promise<void> {
  const gone = await putAside(join(folder, 'snapshots', commit), folder)
  if (gone !== null) await rm(gone, { recursive: true, force: true })
  for (const [ref] of refs) {
    const path = join(folder, 'refs', ...ref.split('/'))
    // It may name another commit by now.
    if ((await textIfThere(path))?.trim() !== commit) continue
    await rm(path, { force: true })
    await removeEmptyFolders(dirname(path), join(folder, 'refs'))
  }
  await rm(join(folder, 'trees', `${commit}.json`), { force: true })
  await rm(join(folder, '.no_exist', commit), { recursive: true, force: true })
}

/** Those that no snapshot uses when they are put aside. Their names stay known to every tool as unfinished files. */
export async function removeBlobs(repoFolder: string, blobs: readonly CachedBlob[]): Promise<void> {
  const linked = await linkedBlobs(repoFolder)
  const aside: { readonly path: string; readonly temp: string; readonly name: string }[] = []
  for (const { path, name } of blobs) {
    if (linked.has(name)) continue
    // Named as other tools name what is not whole: nobody takes it for a blob.
    const temp = `${path}.${randomBytes(4).toString('hex')}.incomplete`
    if (await renameIfThere(path, temp)) aside.push({ path, temp, name })
  }
  const linkedNow = aside.length === 0 ? linked : await linkedBlobs(repoFolder)
  for (const { path, temp, name } of aside) {
    if (linkedNow.has(name) && (await lstatIfThere(path)) === null) await rename(temp, path)
    else await rm(temp, { force: true })
  }
}

/** A folder under a name that nobody takes for part of the cache, so that it is gone at once; null when it is not there. */
async function putAside(folder: string, parent: string): Promise<string | null> {
  const gone = join(parent, `${GONE_PREFIX}${await ownerName()}.${randomBytes(4).toString('hex')}`)
  return (await renameIfThere(folder, gone)) ? gone : null
}

async function removeEmptyFolders(folder: string, top: string): Promise<void> {
  for (let at = folder; at !== top && at.startsWith(top); at = dirname(at)) {
    if ((await namesIn(at)).length > 0) return
    await rmdir(at)
  }
}

/** The repository as it is now; null when it is gone. */
export function scanAgain(cache: string, { folder }: CachedRepo): Promise<CachedRepo | null> {
  return scanRepo(cache, basename(folder))
}
