/**
 * The cache-wide store of huggingface_hub 1.33 and later: one copy of a Xet file for all repositories of a cache.
 *
 * `blobs/ab/XET_HASH` is the file, read-only; `XET_HASH.refs` lists the repositories' links to it, one `REPO/blobs/ETAG`
 * a line, written before the link so that nobody collects a file in use. A `blobs` folder without the marker is not ours.
 */
import { randomBytes } from 'node:crypto'
import { chmod, lstat, open, readdir, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { systemCode } from '../base/app-error.ts'
import { makeFolder, writeFileAtomically } from '../base/atomic-file.ts'
import { lockFile } from '../base/file-lock.ts'
import { statIfThere, textIfThere } from '../base/if-there.ts'
import type { TouchedFolders } from './touched-folders.ts'

/** Lies in the store, and says whose layout it is. */
export const MARKER = '.huggingface-shared-blobs'
const LAYOUT = '1\n'
const LOCK_WAIT_MS = 10_000

export class SharedBlobs {
  readonly #cache: string
  readonly #folder: string
  readonly #folders: TouchedFolders
  /** Ends what waits for other processes. */
  readonly #signal: AbortSignal | undefined

  private constructor(cache: string, folders: TouchedFolders, signal: AbortSignal | undefined) {
    this.#cache = cache
    this.#folders = folders
    this.#signal = signal
    this.#folder = join(cache, 'blobs')
  }

  /** Null when the folder exists and was not made by the tools that share this layout. */
  static async open(cache: string, folders: TouchedFolders, signal?: AbortSignal): Promise<SharedBlobs | null> {
    const store = new SharedBlobs(cache, folders, signal)
    await makeFolder(store.#folder)
    const marker = join(store.#folder, MARKER)
    const text = await textIfThere(marker)
    if (text === null) {
      if ((await readdir(store.#folder)).length > 0) return null
      await writeFileAtomically(marker, LAYOUT)
    }
    return text === null || text === LAYOUT ? store : null
  }

  path(xetHash: string): string {
    return sharedPath(this.#cache, xetHash)
  }

  /** Names a proved, synced temporary file in the store and makes `blob` a link to it. */
  async publish(temp: string, xetHash: string, blob: string): Promise<void> {
    const path = this.path(xetHash)
    await this.#folders.make(dirname(path))
    await chmod(temp, await this.#mode())
    await this.#locked(path, async () => {
      await this.#folders.nameFile(temp, path)
      await this.#refer(path, blob)
    })
  }

  /** Makes `blob` (of a repository in this cache) a link to the stored file; false when it has just been removed. */
  async link(xetHash: string, blob: string): Promise<boolean> {
    const path = this.path(xetHash)
    return this.#locked(path, async () => {
      await this.#refer(path, blob)
      if ((await statIfThere(path)) !== null) return true
      await rm(blob, { force: true })
      return false
    })
  }

  async #refer(path: string, blob: string): Promise<void> {
    await this.#addReference(`${path}.refs`, relative(this.#cache, blob))
    await replaceLink(relative(dirname(blob), path), blob)
    this.#folders.changed(blob)
  }

  async #addReference(path: string, reference: string): Promise<void> {
    const file = await open(path, 'a', 0o666)
    try {
      await file.appendFile(`${reference}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** Under the lock that whoever removes shared blobs takes; without it where there is none to be had. */
  async #locked<T>(path: string, task: () => Promise<T>): Promise<T> {
    const lock = await lockFile(`${path}.lock`, { waitMs: LOCK_WAIT_MS, signal: this.#signal })
    try {
      return await task()
    } finally {
      if (typeof lock !== 'string') await lock.release()
    }
  }

  /** Readable for those who can enter the cache, writable for nobody. */
  async #mode(): Promise<number> {
    const { mode } = await lstat(this.#cache)
    return 0o400 | (mode & 0o010 ? 0o040 : 0) | (mode & 0o001 ? 0o004 : 0)
  }
}

/** Where the store of a cache keeps a file. */
export function sharedPath(cache: string, xetHash: string): string {
  return join(cache, 'blobs', xetHash.slice(0, 2), xetHash)
}

/** Makes `path` a symbolic link to `target` in one step, whatever was there. Not yet durable. */
export async function replaceLink(target: string, path: string): Promise<void> {
  if (await linkIfFree(target, path)) return
  // Not named after it: a name may be as long as names can be.
  const temp = join(dirname(path), `.${randomBytes(8).toString('hex')}.link`)
  try {
    await symlink(target, temp)
    await rename(temp, path)
  } catch (error) {
    await rm(temp, { force: true })
    throw error
  }
}

/** Whether there was no such name yet, as most often. */
async function linkIfFree(target: string, path: string): Promise<boolean> {
  try {
    await symlink(target, path)
    return true
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    return false
  }
}

/** Whether the disk of `folder` takes symbolic links. */
export async function takesLinks(folder: string): Promise<boolean> {
  const probe = join(folder, `.${randomBytes(8).toString('hex')}.link`)
  try {
    await symlink('nowhere', probe)
    await rm(probe, { force: true })
    return true
  } catch (error) {
    if (!['EPERM', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP', 'EINVAL'].includes(systemCode(error) ?? '')) throw error
    return false
  }
}
