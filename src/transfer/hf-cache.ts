/**
 * A snapshot in the Hugging Face cache, in its exact layout, so that every tool on the machine shares one copy.
 *
 * models--NS--NAME/{refs/REV, blobs/ETAG, snapshots/COMMIT/PATH -> blob, trees/COMMIT.json, .no_exist/COMMIT/PATH}.
 * A blob gets its name only from a proved file; a found blob counts after a proof of its own (content-check.ts). Names of
 * blobs are digests, so nothing that a Hub says becomes a path but through safe-path. Other tools' locks guard against
 * double work only: unique temporary names and renames make concurrent pulls safe without them. Where there are no
 * symbolic links a file lies under its own name in the snapshot, and a blob that is there is copied.
 */
import { copyFile, open, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { systemCode } from '../base/app-error.ts'
import { makeFolder, writeFileAtomically } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { statIfThere } from '../base/if-there.ts'
import { resolveInside } from '../base/safe-path.ts'
import { ProofRecord } from './content-check.ts'
import { checkRoom, roomFor } from './disk-room.ts'
import { contentId } from './download-plain.ts'
import { type Fill, receiveFile, receiveResumable } from './file-receipt.ts'
import type { TreeFile } from './hub-client.ts'
import { cacheFolderName, type HubRepo } from './hub-repo.ts'
import { PartStore, RESUMABLE_BYTES_MIN } from './part-store.ts'
import { replaceLink, SharedBlobs, sharedPath, takesLinks } from './shared-blobs.ts'
import type { FileHere, Snapshot, SnapshotPlace } from './snapshot-place.ts'
import { TouchedFolders } from './touched-folders.ts'
import { findTreeFile, writeTreeFile } from './tree-file.ts'

/** A smaller file is not worth sharing: its link, its list of references and its folder cost more than its bytes. */
const SHARED_BYTES_MIN = 1024 * 1024

export const CACHE_TAG = [
  'Signature: 8a477f597d28d172789f06886806bc55',
  '# This file is a cache directory tag created by huggingface_hub.',
  '# For information about cache directory tags, see:',
  '#\thttps://bford.info/cachedir/',
  '',
].join('\n')

export interface HfCacheOptions {
  readonly cache: string
  readonly repo: HubRepo
  /** Share Xet files between repositories. */
  readonly shared: boolean
  /** Hash what is here, whatever was proved before. */
  readonly paranoid?: boolean | undefined
  /** False: no symbolic links, even where the disk takes them. */
  readonly links?: boolean
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
}

export class HfCache {
  readonly #options: HfCacheOptions
  readonly folder: string

  constructor(options: HfCacheOptions) {
    this.#options = options
    this.folder = join(options.cache, cacheFolderName(options.repo))
  }

  /** The commit a revision named when it was last asked; null when unknown here. */
  async findCommit(revision: string): Promise<string | null> {
    if (/^[0-9a-f]{40}$/.test(revision)) return revision
    try {
      const commit = (await readFile(await resolveInside(join(this.folder, 'refs'), revision), 'utf8')).trim()
      return /^[0-9a-f]{40}$/.test(commit) ? commit : null
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EISDIR') return null
      throw error
    }
  }

  findTree(commit: string): Promise<TreeFile[] | null> {
    return findTreeFile(this.folder, commit)
  }

  snapshotFolder(commit: string): string {
    return join(this.folder, 'snapshots', commit)
  }

  /** Whether the file has a name in the commit's snapshot, even one whose content is gone. */
  async hasName(commit: string, path: string): Promise<boolean> {
    return (await linkTarget(await resolveInside(this.snapshotFolder(commit), path))) !== null
  }

  /** Remembers that a commit has no such file, as other tools look for it. */
  async markMissing(commit: string, path: string): Promise<void> {
    await writeFileAtomically(await resolveInside(join(this.folder, '.no_exist', commit), path), '')
  }

  place(snapshot: Snapshot): AdoptingPlace {
    return new CachePlace(this.#options, this.folder, snapshot)
  }
}

export interface AdoptingPlace extends SnapshotPlace {
  /** Names a file that lies on this disk already: `bring` puts it under the temporary name and proves it there. */
  adopt(file: TreeFile, bring: (temp: string) => Promise<void>): Promise<string>
}

class CachePlace implements AdoptingPlace {
  readonly root: string
  readonly #options: HfCacheOptions
  readonly #folder: string
  readonly #snapshot: Snapshot
  readonly #folders = new TouchedFolders()
  readonly #parts: PartStore
  /** Names in `blobs` when this began, and ours since: others are not looked for. */
  readonly #blobs = new Set<string>()
  #links = true
  #proofs: ProofRecord | null = null
  #shared: SharedBlobs | null = null
  /** What broken attempts left, for `look`. */
  #held: ReadonlyMap<string, number> | null = null

  constructor(options: HfCacheOptions, folder: string, snapshot: Snapshot) {
    this.#options = options
    this.#folder = folder
    this.#snapshot = snapshot
    this.root = join(folder, 'snapshots', snapshot.commit)
    this.#parts = new PartStore(join(folder, '.xorbit-parts'), options.clock ?? systemClock)
  }

  async look(file: TreeFile): Promise<FileHere> {
    const { cache, shared, links = true, signal } = this.#options
    this.#proofs ??= await this.#loadProofs()
    const plain = links ? null : await this.#folders.placeOf(this.root, file.path)
    if (plain !== null && (await this.#proofs.proves(plain, file, plainKey(file), signal))) {
      return { isWhole: true, bytes: file.size }
    }
    const paths = [this.#blob(file)]
    if (links && shared && file.xetHash !== null && file.sha256 !== null) paths.push(sharedPath(cache, file.xetHash))
    for (const path of paths) {
      if (await this.#proofs.proves(path, file, contentId(file), signal)) return { isWhole: true, bytes: file.size }
    }
    this.#held ??= await this.#parts.heldBytes()
    return { isWhole: false, bytes: Math.min(this.#held.get(contentId(file)) ?? 0, file.size) }
  }

  async begin(): Promise<void> {
    const { cache, shared, links = true, signal } = this.#options
    await makeFolder(cache)
    // Files come into these folders by many ways: none may lead elsewhere.
    for (const name of ['blobs', 'refs', 'trees', `snapshots/${this.#snapshot.commit}`]) {
      await resolveInside(this.#folder, `${name}/any`)
    }
    const tag = join(cache, 'CACHEDIR.TAG')
    if ((await statIfThere(tag)) === null) await writeFileAtomically(tag, CACHE_TAG)
    const blobs = join(this.#folder, 'blobs')
    await this.#folders.make(blobs)
    for (const name of await readdir(blobs)) this.#blobs.add(name)
    this.#links = links && (await takesLinks(blobs))
    this.#shared = shared && this.#links ? await SharedBlobs.open(cache, this.#folders, signal) : null
    this.#proofs = await this.#loadProofs()
    await this.#parts.sweep()
    await writeTreeFile(this.#folder, this.#snapshot.commit, this.#snapshot.files)
  }

  async findPresent(file: TreeFile, anew = false): Promise<string | null> {
    if (anew) this.#blobs.add(contentId(file))
    if (!this.#links) return this.#findPlain(file)
    const blob = this.#blob(file)
    if (await this.#isBlobHere(file)) return this.#link(file, blob)
    const { xetHash } = file
    if (this.#shared === null || xetHash === null || file.sha256 === null) return null
    const { signal } = this.#options
    if (!(await this.#proofs?.proves(this.#shared.path(xetHash), file, contentId(file), signal))) return null
    if (!(await this.#shared.link(xetHash, blob))) return null
    this.#blobs.add(contentId(file))
    return this.#link(file, blob)
  }

  async checkRoom(missing: readonly TreeFile[]): Promise<void> {
    const held = await this.#parts.heldBytes()
    const once = this.#links ? [...new Map(missing.map((file) => [contentId(file), file])).values()] : missing
    const need = roomFor(once, (file) => held.get(contentId(file)) ?? 0)
    await checkRoom(this.#folder, need)
  }

  targetOf(file: TreeFile): string {
    return this.#blob(file)
  }

  async receive(file: TreeFile, fill: Fill): Promise<string> {
    const blob = this.#blob(file)
    const path = this.#links ? blob : await this.#folders.readyFor(this.root, file.path)
    const { nameFile } = this.#folders
    const { xetHash } = file
    const shared = file.size < SHARED_BYTES_MIN ? null : this.#shared
    const name = xetHash === null || shared === null ? nameFile : (temp: string) => shared.publish(temp, xetHash, blob)
    if (file.size < RESUMABLE_BYTES_MIN) await receiveFile(path, await this.#parts.tempPath(), fill, name)
    else await receiveResumable(path, { parts: this.#parts, content: contentId(file) }, fill, name)
    await this.#proofs?.add(path, this.#links ? contentId(file) : plainKey(file))
    if (!this.#links) return path
    this.#blobs.add(contentId(file))
    return this.#link(file, blob)
  }

  async adopt(file: TreeFile, bring: (temp: string) => Promise<void>): Promise<string> {
    const blob = this.#blob(file)
    const temp = await this.#parts.tempPath()
    await this.#folders.make(dirname(temp))
    try {
      await bring(temp)
      await this.#folders.nameFile(temp, blob)
    } finally {
      await rm(temp, { force: true })
    }
    await this.#proofs?.add(blob, contentId(file))
    this.#blobs.add(contentId(file))
    return this.#link(file, blob)
  }

  async finish(): Promise<void> {
    await makeFolder(this.root)
    await this.#folders.sync()
    const { revision, commit } = this.#snapshot
    if (/^[0-9a-f]{7,40}$/.test(revision) && commit.startsWith(revision)) return
    const ref = await resolveInside(join(this.#folder, 'refs'), revision)
    await writeFileAtomically(ref, commit)
  }

  async keepProofs(): Promise<void> {
    await this.#folders.sync()
    await this.#proofs?.save()
  }

  #loadProofs(): Promise<ProofRecord> {
    return ProofRecord.load(join(this.#folder, '.xorbit-proofs.json'), this.#options.paranoid)
  }

  #blob(file: TreeFile): string {
    return join(this.#folder, 'blobs', contentId(file))
  }

  async #isBlobHere(file: TreeFile): Promise<boolean> {
    if (!this.#blobs.has(contentId(file))) return false
    return (await this.#proofs?.proves(this.#blob(file), file, contentId(file), this.#options.signal)) === true
  }

  /** The file's own name in the snapshot: a relative link to its blob. */
  async #link(file: TreeFile, blob: string): Promise<string> {
    const path = await this.#folders.readyFor(this.root, file.path)
    const target = relative(dirname(path), blob)
    if ((await linkTarget(path)) === target) return path
    await replaceLink(target, path)
    this.#folders.changed(path)
    return path
  }

  /** Without links: the file itself under its own name, or the copy of a blob that another tool brought. */
  async #findPlain(file: TreeFile): Promise<string | null> {
    const path = await this.#folders.readyFor(this.root, file.path)
    if (await this.#proofs?.proves(path, file, plainKey(file), this.#options.signal)) return path
    if (!(await this.#isBlobHere(file))) return null
    const temp = await this.#parts.tempPath()
    await this.#folders.make(dirname(temp))
    try {
      await copyFile(this.#blob(file), temp)
      await syncFile(temp)
      await this.#folders.nameFile(temp, path)
    } finally {
      await rm(temp, { force: true })
    }
    // Hashed: the blob may have changed while it was copied.
    return (await this.#proofs?.proves(path, file, plainKey(file), this.#options.signal)) ? path : null
  }
}

/** Without links one content may lie under many names, each a file of its own. */
function plainKey(file: TreeFile): string {
  return `${contentId(file)} ${file.path}`
}

async function linkTarget(path: string): Promise<string | null> {
  try {
    return await readlink(path)
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null
    throw error
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
