/**
 * A snapshot in a folder of the user's, with the notes that huggingface_hub keeps in `.cache/huggingface`: for each file
 * commit, ETag and the time of both. A file that is newer than its note, or has none, counts only after it was hashed.
 */

import type { FileHandle } from 'node:fs/promises'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../base/app-error.ts'
import { makeFolder, writeFileAtomically } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { resolveInside } from '../base/safe-path.ts'
import { digestOf, statIfThere } from './content-check.ts'
import { contentId } from './download-plain.ts'
import { incompleteName, receiveFile } from './file-receipt.ts'
import { CACHE_TAG } from './hf-cache.ts'
import type { TreeFile } from './hub-client.ts'
import type { Snapshot, SnapshotPlace } from './snapshot-place.ts'
import { writeTreeFile } from './tree-file.ts'

/** A file's modification time may lie this much after its note. */
const TIME_SLACK_MS = 1000

export interface LocalFolderOptions {
  readonly folder: string
  readonly snapshot: Snapshot
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

export class LocalFolder implements SnapshotPlace {
  readonly root: string
  readonly #options: LocalFolderOptions
  readonly #notes: string

  constructor(options: LocalFolderOptions) {
    this.#options = options
    this.root = options.folder
    this.#notes = join(options.folder, '.cache', 'huggingface')
  }

  async begin(): Promise<void> {
    await makeFolder(this.#notes)
    await writeOnce(join(this.#notes, '.gitignore'), '*')
    await writeOnce(join(this.#notes, 'CACHEDIR.TAG'), CACHE_TAG)
    const { commit, files } = this.#options.snapshot
    await writeTreeFile(this.#notes, commit, files)
  }

  async findPresent(file: TreeFile): Promise<string | null> {
    const path = await resolveInside(this.root, file.path)
    const found = await statIfThere(path)
    if (found === null || !found.isFile() || found.size !== file.size) return null
    const note = await this.#findNote(file)
    const isNoted = note?.etag === contentId(file) && found.mtimeMs - TIME_SLACK_MS <= note.timeMs
    if (!isNoted && (await digestOf(path, file, this.#options.signal)) !== contentId(file)) return null
    await this.#writeNote(file)
    return path
  }

  async receive(file: TreeFile, fill: (handle: FileHandle) => Promise<void>): Promise<string> {
    const path = await resolveInside(this.root, file.path)
    await receiveFile(path, incompleteName(await this.#notePath(file)), fill)
    await this.#writeNote(file)
    return path
  }

  async finish(): Promise<void> {
    // Every file was noted as it came; a folder has no refs.
  }

  #notePath(file: TreeFile): Promise<string> {
    return resolveInside(join(this.#notes, 'download'), `${file.path}.metadata`)
  }

  async #findNote(file: TreeFile): Promise<{ etag: string; timeMs: number } | null> {
    try {
      const [, etag = '', time = ''] = (await readFile(await this.#notePath(file), 'utf8')).split('\n')
      return { etag: etag.trim(), timeMs: Number.parseFloat(time) * 1000 }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return null
      throw error
    }
  }

  async #writeNote(file: TreeFile): Promise<void> {
    const { clock = systemClock, snapshot } = this.#options
    const seconds = (clock.nowMs() / 1000).toFixed(6)
    const note = `${snapshot.commit}\n${contentId(file)}\n${seconds}\n`
    await writeFileAtomically(await this.#notePath(file), note)
  }
}

async function writeOnce(path: string, content: string): Promise<void> {
  if ((await statIfThere(path)) === null) await writeFileAtomically(path, content)
}
