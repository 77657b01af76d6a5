/** All paths of one commit, in git's order: a folder stands before what it holds, files stand in order of their paths. */
import type { LfsPointer } from '../git/lfs-pointer.ts'
import type { Oid } from '../git/oid.ts'

export interface FolderEntry {
  readonly type: 'directory'
  readonly path: string
  readonly oid: Oid
}

export interface FileEntry {
  readonly type: 'file'
  readonly path: string
  /** Of the git blob: for a large file, of its pointer. */
  readonly oid: Oid
  readonly blobBytes: number
  /** Of the file itself. */
  readonly size: number
  readonly lfs: LfsPointer | null
}

export type RepoEntry = FolderEntry | FileEntry

const LEVELS_KEPT = 16

export class RepoListing {
  readonly entries: readonly RepoEntry[]
  readonly #index = new Map<string, number>()
  /** What folders hold themselves, of those asked for last: pages of one folder follow each other. */
  readonly #levels = new Map<string, readonly RepoEntry[]>()

  constructor(entries: readonly RepoEntry[]) {
    this.entries = entries
    for (const [i, { path }] of entries.entries()) this.#index.set(path, i)
  }

  find(path: string): RepoEntry | null {
    const at = this.#index.get(path)
    return at === undefined ? null : (this.entries[at] ?? null)
  }

  /** What is in `folder` ('' is the root): all levels, or its own only. Null when there is no such folder. */
  below(folder: string, { recursive }: { recursive: boolean }): readonly RepoEntry[] | null {
    const inside = folder === '' ? this.entries : this.#inside(folder)
    if (inside === null || recursive) return inside
    const known = this.#levels.get(folder)
    if (known !== undefined) return known
    const start = folder === '' ? 0 : folder.length + 1
    const level = inside.filter(({ path }) => !path.includes('/', start))
    if (this.#levels.size >= LEVELS_KEPT) this.#levels.clear()
    this.#levels.set(folder, level)
    return level
  }

  #inside(folder: string): readonly RepoEntry[] | null {
    const at = this.#index.get(folder)
    if (at === undefined || this.entries[at]?.type !== 'directory') return null
    let end = at + 1
    while (this.entries[end]?.path.startsWith(`${folder}/`) === true) end++
    return this.entries.slice(at + 1, end)
  }
}
