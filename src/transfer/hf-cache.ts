/**
 * A snapshot in the Hugging Face cache, in its exact layout, so that every tool on the machine shares one copy.
 *
 * models--NS--NAME/{refs/REV, blobs/ETAG, snapshots/COMMIT/PATH -> blob, trees/COMMIT.json, .no_exist/COMMIT/PATH}.
 * A blob gets its name only from a proved file; a found blob counts after a proof of its own (content-check.ts). Names of
 * blobs are digests, so nothing that a Hub says becomes a path but through safe-path. Other tools' locks guard against
 * double work only: unique temporary names and renames make concurrent pulls safe without them.
 */

import { copyFile, readFile, readlink, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { systemCode } from '../base/app-error.ts'
import { makeFolder, nameFile, writeFileAtomically } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { resolveInside } from '../base/safe-path.ts'
import { ProofRecord, statIfThere } from './content-check.ts'
import { contentId } from './download-plain.ts'
import { type Fill, incompleteName, receiveFile, receiveResumable } from './file-receipt.ts'
import type { TreeFile } from './hub-client.ts'
import { cacheFolderName, type HubRepo } from './hub-repo.ts'
import { PartStore, RESUMABLE_BYTES_MIN } from './part-store.ts'
import { replaceLink, SharedBlobs, sharedPath } from './shared-blobs.ts'
import type { FileHere, Snapshot, SnapshotPlace } from './snapshot-place.ts'
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
  /** Known to be there. */
  readonly #folders = new Set<string>()
  readonly #parts: PartStore
  #proofs: ProofRecord | null = null
  #shared: SharedBlobs | null = null

  constructor(options: HfCacheOptions, folder: string, snapshot: Snapshot) {
    this.#options = options
    this.#folder = folder
    this.#snapshot = snapshot
    this.root = join(folder, 'snapshots', snapshot.commit)
    this.#parts = new PartStore(join(folder, '.xorbit-parts'), options.clock ?? systemClock)
  }

  async look(file: TreeFile): Promise<FileHere> {
    const { cache, shared, signal } = this.#options
    const proofs = await this.#loadProofs()
    const paths = [this.#blob(file)]
    if (shared && file.xetHash !== null && file.sha256 !== null) paths.push(sharedPath(cache, file.xetHash))
    for (const path of paths) {
      if (await proofs.proves(path, file, contentId(file), signal)) return { isWhole: true, bytes: file.size }
    }
    return { isWhole: false, bytes: Math.min(await this.#parts.bytesOf(contentId(file)), file.size) }
  }

  async begin(): Promise<void> {
    const { cache, shared } = this.#options
    await makeFolder(cache)
    // Files come into these folders by many ways: none may lead elsewhere.
    for (const name of ['blobs', 'refs', 'trees', `snapshots/${this.#snapshot.commit}`]) {
      await resolveInside(this.#folder, `${name}/any`)
    }
    const tag = join(cache, 'CACHEDIR.TAG')
    if ((await statIfThere(tag)) === null) await writeFileAtomically(tag, CACHE_TAG)
    this.#shared = shared ? await SharedBlobs.open(cache) : null
    this.#proofs = await this.#loadProofs()
    await this.#parts.sweep()
    await writeTreeFile(this.#folder, this.#snapshot.commit, this.#snapshot.files)
  }

  async findPresent(file: TreeFile): Promise<string | null> {
    const blob = this.#blob(file)
    const { signal } = this.#options
    if (await this.#proofs?.proves(blob, file, contentId(file), signal)) return this.#name(file, blob)
    if (this.#shared === null || file.xetHash === null || file.sha256 === null) return null
    if (!(await this.#proofs?.proves(this.#shared.path(file.xetHash), file, contentId(file), signal))) return null
    await makeFolder(dirname(blob))
    return (await this.#shared.link(file.xetHash, blob)) ? this.#name(file, blob) : null
  }

  async receive(file: TreeFile, fill: Fill): Promise<string> {
    const blob = this.#blob(file)
    const { xetHash } = file
    const shared = file.size < SHARED_BYTES_MIN ? null : this.#shared
    const name = xetHash === null || shared === null ? nameFile : (temp: string) => shared.publish(temp, xetHash, blob)
    if (file.size < RESUMABLE_BYTES_MIN) await receiveFile(blob, incompleteName(blob), fill, name)
    else await receiveResumable(blob, { parts: this.#parts, content: contentId(file) }, fill, name)
    await this.#proofs?.add(blob, contentId(file))
    return this.#name(file, blob)
  }

  async adopt(file: TreeFile, bring: (temp: string) => Promise<void>): Promise<string> {
    const blob = this.#blob(file)
    const temp = incompleteName(blob)
    await makeFolder(dirname(blob))
    try {
      await bring(temp)
      await nameFile(temp, blob)
    } finally {
      await rm(temp, { force: true })
    }
    await this.#proofs?.add(blob, contentId(file))
    return this.#name(file, blob)
  }

  async finish(): Promise<void> {
    await makeFolder(this.root)
    const { revision, commit } = this.#snapshot
    if (/^[0-9a-f]{7,40}$/.test(revision) && commit.startsWith(revision)) return
    const ref = await resolveInside(join(this.#folder, 'refs'), revision)
    await writeFileAtomically(ref, commit)
  }

  async keepProofs(): Promise<void> {
    await this.#proofs?.save()
  }

  #loadProofs(): Promise<ProofRecord> {
    return ProofRecord.load(join(this.#folder, '.xorbit-proofs.json'), this.#options.paranoid)
  }

  #blob(file: TreeFile): string {
    return join(this.#folder, 'blobs', contentId(file))
  }

  /** The file's own name in the snapshot: a relative link to its blob, a copy where links are not to be had. */
  async #name(file: TreeFile, blob: string): Promise<string> {
    const path = await resolveInside(this.root, file.path)
    const target = relative(dirname(path), blob)
    if ((await linkTarget(path)) === target) return path
    if (!this.#folders.has(dirname(path))) await makeFolder(dirname(path))
    this.#folders.add(dirname(path))
    try {
      // Not synced: a link lost in a power cut is made again by the next pull.
      await replaceLink(target, path)
    } catch (error) {
      if (systemCode(error) !== 'EPERM' && systemCode(error) !== 'ENOSYS') throw error
      await copyInto(blob, path)
    }
    return path
  }
}

async function linkTarget(path: string): Promise<string | null> {
  try {
    return await readlink(path)
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null
    throw error
  }
}

async function copyInto(blob: string, path: string): Promise<void> {
  const temp = incompleteName(path)
  await copyFile(blob, temp)
  await nameFile(temp, path)
}
