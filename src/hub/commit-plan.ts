/**
 * What operations make of a tree: applied in order to the paths of the parent, they end in the fewest changes. Refuses
 * trees that some machine could not check out. Pure: knows paths and oids, no repository.
 */
import { AppError } from '../base/app-error.ts'
import type { TreeChange } from '../git/object-writer.ts'
import type { Oid } from '../git/oid.ts'
import type { RepoListing } from './repo-listing.ts'

export type TreeOperation =
  | { readonly kind: 'put'; readonly path: string; readonly oid: Oid }
  | { readonly kind: 'delete-file' | 'delete-folder'; readonly path: string }
  | { readonly kind: 'copy'; readonly path: string; readonly from: string }

/** Far from what a tree can list (git/tree-listing.ts), folders and one commit's operations included. */
export const REVISION_FILES_MAX = 500_000

export class TreeDraft {
  readonly #filesMax: number
  #files = 0
  readonly #base = new Map<string, Oid>()
  /** Null: removed. */
  readonly #changed = new Map<string, Oid | null>()
  /** How many files are below each folder. */
  readonly #folders = new Map<string, number>()
  /** Paths beyond ASCII by their composed form: two spellings of one name meet on some file systems. */
  readonly #composed = new Map<string, string>()

  constructor(base: RepoListing | null, filesMax = REVISION_FILES_MAX) {
    this.#filesMax = filesMax
    for (const entry of base?.entries ?? []) {
      if (entry.type !== 'file') continue
      this.#base.set(entry.path, entry.oid)
      this.#count(entry.path, 1)
    }
  }

  apply(operation: TreeOperation): void {
    const { kind, path } = operation
    if (kind === 'put') this.#put(path, operation.oid)
    else if (kind === 'copy') this.#put(path, this.find(operation.from) ?? missing(operation.from))
    else if (kind === 'delete-folder') this.#removeFolder(path)
    else this.#remove(path)
  }

  find(path: string): Oid | null {
    const changed = this.#changed.get(path)
    return changed === undefined ? (this.#base.get(path) ?? null) : changed
  }

  /** Differences to the base, removals first. */
  changes(): TreeChange[] {
    const changes = [...this.#changed].map(([path, oid]) => ({ path, oid }))
    const real = changes.filter(({ path, oid }) => oid !== (this.#base.get(path) ?? null))
    return [...real.filter(({ oid }) => oid === null), ...real.filter(({ oid }) => oid !== null)]
  }

  #put(path: string, oid: Oid): void {
    if (this.find(path) === null) {
      this.#checkPlace(path)
      if (this.#files >= this.#filesMax) {
        const message = `A revision holds at most ${this.#filesMax} files: join small ones, or use another repository`
        throw new AppError('too-large', 'REVISION_TOO_LARGE', message)
      }
      this.#count(path, 1)
    }
    this.#changed.set(path, oid)
  }

  #checkPlace(path: string): void {
    if (this.#folders.has(path)) throw conflict('PATH_IS_FOLDER', `${path} is a folder: delete it first`)
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const above = path.slice(0, end)
      if (this.find(above) !== null) throw conflict('PATH_IS_FILE', `${above} is a file: nothing can be below it`)
    }
    const twin = this.#composed.get(path.normalize('NFC'))
    if (twin !== undefined && twin !== path) {
      throw conflict('PATH_TWIN', `${path} and a file that is there are one name in two spellings of Unicode`)
    }
  }

  #remove(path: string): void {
    if (this.find(path) === null) missing(path)
    this.#changed.set(path, null)
    this.#count(path, -1)
  }

  #removeFolder(folder: string): void {
    if (!this.#folders.has(folder)) missing(folder)
    const inside = new Set(
      [...this.#base.keys(), ...this.#changed.keys()].filter((path) => path.startsWith(`${folder}/`)),
    )
    for (const path of inside) if (this.find(path) !== null) this.#remove(path)
  }

  #count(path: string, by: 1 | -1): void {
    this.#files += by
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      const count = (this.#folders.get(folder) ?? 0) + by
      if (count === 0) this.#folders.delete(folder)
      else this.#folders.set(folder, count)
    }
    if (!/[^\x20-\x7e]/.test(path)) return
    if (by === 1) this.#composed.set(path.normalize('NFC'), path)
    else this.#composed.delete(path.normalize('NFC'))
  }
}

function missing(path: string): never {
  const data = { hubCode: 'EntryNotFound' }
  throw new AppError('not-found', 'ENTRY_NOT_FOUND', `A file with this name doesn't exist: ${path.slice(0, 500)}`, {
    data,
  })
}

function conflict(code: 'PATH_IS_FOLDER' | 'PATH_IS_FILE' | 'PATH_TWIN', message: string): AppError {
  return new AppError('usage', code, message)
}
