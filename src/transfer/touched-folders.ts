/**
 * The folders that one pull writes into. Each is made, and looked at for links that lead elsewhere, once. Names that were
 * given in them are made durable together, before the pull says that it is done: a power cut before that costs a fetch.
 */
import { dirname, join } from 'node:path'
import { makeFolder, moveFile, syncFolder } from '../base/atomic-file.ts'
import { checkRepoPath, resolveInside } from '../base/safe-path.ts'

const SYNCS_AT_ONCE = 4

export class TouchedFolders {
  readonly #ready = new Set<string>()
  readonly #changed = new Set<string>()

  /** The place of `path` below `root`, whether or not its folder exists. */
  async placeOf(root: string, path: string): Promise<string> {
    checkRepoPath(path)
    const place = join(root, path)
    return this.#ready.has(dirname(place)) ? place : resolveInside(root, path)
  }

  /** The same, and its folder exists afterwards. */
  async readyFor(root: string, path: string): Promise<string> {
    const place = await this.placeOf(root, path)
    await this.make(dirname(place))
    return place
  }

  async make(folder: string): Promise<void> {
    if (this.#ready.has(folder)) return
    await makeFolder(folder)
    this.#ready.add(folder)
  }

  /** Gives a finished, synced file its final name, durable after the next `sync`. */
  readonly nameFile = async (temp: string, path: string): Promise<void> => {
    await moveFile(temp, path)
    this.changed(path)
  }

  /** `path` has got another meaning. */
  changed(path: string): void {
    this.#changed.add(dirname(path))
  }

  async sync(): Promise<void> {
    const folders = [...this.#changed]
    this.#changed.clear()
    const worker = async () => {
      for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) await syncFolder(folder)
    }
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, worker))
  }
}
