/**
 * A snapshot in a folder of the user's, with the notes that huggingface_hub keeps in `.cache/huggingface`: for each file
 * commit, ETag and the time of both. They are written for other tools and never believed: a file counts as here when our
 * own record of what we proved still fits it (content-check.ts), else after it was hashed.
 */
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { makeFolder, moveFile, writeFileAtomically } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { statIfThere, textIfThere } from '../base/if-there.ts'
import { ProofRecord } from './content-check.ts'
import { checkRoom, roomFor } from './disk-room.ts'
import { contentId } from './download-plain.ts'
import { type Fill, pathTaken, receiveFile, receiveResumable } from './file-receipt.ts'
import { CACHE_TAG } from './hf-cache.ts'
import type { TreeFile } from './hub-client.ts'
import { PartStore, RESUMABLE_BYTES_MIN } from './part-store.ts'
import type { FileHere, Snapshot, SnapshotPlace } from './snapshot-place.ts'
import { TouchedFolders } from './touched-folders.ts'
import { findTreeFile, writeTreeFile } from './tree-file.ts'

/** A longer name has no room for the note's ending; our own record serves for it. */
const NOTED_NAME_BYTES_MAX = 255 - '.metadata'.length

export interface LocalFolderOptions {
  readonly folder: string
  readonly snapshot: Snapshot
  /** Hash what is here, whatever was proved before. */
  readonly paranoid?: boolean | undefined
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

export class LocalFolder implements SnapshotPlace {
  readonly root: string
  readonly #options: LocalFolderOptions
  readonly #notes: string
  readonly #parts: PartStore
  readonly #folders = new TouchedFolders()
  #proofs: ProofRecord | null = null
  /** What broken attempts left, for `look`. */
  #held: ReadonlyMap<string, number> | null = null

  constructor(options: LocalFolderOptions) {
    this.#options = options
    this.root = options.folder
    this.#notes = join(options.folder, '.cache', 'huggingface')
    this.#parts = new PartStore(join(this.#notes, 'xorbit-parts'), options.clock ?? systemClock)
  }

  /** The listing of a commit that an earlier pull into `folder` wrote there. */
  static findTree(folder: string, commit: string): Promise<TreeFile[] | null> {
    return findTreeFile(join(folder, '.cache', 'huggingface'), commit)
  }

  async look(file: TreeFile): Promise<FileHere> {
    const path = await this.#placeOf(file)
    this.#proofs ??= await this.#loadProofs()
    const isFile = (await statIfThere(path))?.isFile() === true
    if (isFile && (await this.#proofs.proves(path, file, proofKey(file), this.#options.signal))) {
      return { isWhole: true, bytes: file.size }
    }
    this.#held ??= await this.#parts.heldBytes()
    return { isWhole: false, bytes: Math.min(this.#held.get(contentId(file)) ?? 0, file.size) }
  }

  async begin(): Promise<void> {
    await makeFolder(this.#notes)
    await this.#parts.sweep()
    await writeOnce(join(this.#notes, '.gitignore'), '*')
    await writeOnce(join(this.#notes, 'CACHEDIR.TAG'), CACHE_TAG)
    const { commit, files } = this.#options.snapshot
    await writeTreeFile(this.#notes, commit, files)
    this.#proofs = await this.#loadProofs()
  }

  async findPresent(file: TreeFile): Promise<string | null> {
    const path = await this.#placeOf(file)
    const found = await statIfThere(path)
    if (found === null || !found.isFile()) return null
    if (!(await this.#proofs?.proves(path, file, proofKey(file), this.#options.signal))) return null
    await this.#writeNote(file, found.mtimeMs)
    return path
  }

  async checkRoom(missing: readonly TreeFile[]): Promise<void> {
    const held = await this.#parts.heldBytes()
    const need = roomFor(missing, (file) => held.get(contentId(file)) ?? 0)
    await checkRoom(this.root, need)
  }

  /** By content: who comes second for another path finds the first one's file and copies it. */
  targetOf(file: TreeFile): string {
    return join(this.root, contentId(file))
  }

  async receive(file: TreeFile, fill: Fill): Promise<string> {
    const path = await this.#placeOf(file)
    await this.#folders.make(dirname(path)).catch((error: unknown) => {
      throw pathTaken(error, path)
    })
    const { nameFile } = this.#folders
    if (file.size < RESUMABLE_BYTES_MIN) await receiveFile(path, await this.#parts.tempPath(), fill, nameFile)
    else await receiveResumable(path, { parts: this.#parts, content: contentId(file) }, fill, nameFile)
    await this.#proofs?.add(path, proofKey(file))
    await this.#writeNote(file, null)
    return path
  }

  async finish(): Promise<void> {
    await this.#folders.sync()
  }

  async keepProofs(): Promise<void> {
    await this.#folders.sync()
    await this.#proofs?.save()
  }

  #loadProofs(): Promise<ProofRecord> {
    return ProofRecord.load(join(this.#notes, 'xorbit-proofs.json'), this.#options.paranoid)
  }

  async #placeOf({ path }: TreeFile): Promise<string> {
    if (/^\.cache\/huggingface(\/|$)/i.test(path)) {
      const message = `Path ${JSON.stringify(path.slice(0, 200))} refused: the notes about this folder are kept there`
      throw new AppError('malformed', 'PATH_UNSAFE', message)
    }
    return this.#folders.placeOf(this.root, path)
  }

  /** Leaves a note alone that other tools take for right: of this commit and content, not older than the file. */
  async #writeNote(file: TreeFile, mtimeMs: number | null): Promise<void> {
    const { clock = systemClock, snapshot } = this.#options
    if (Buffer.byteLength(basename(file.path)) > NOTED_NAME_BYTES_MAX) return
    const path = await this.#folders.readyFor(join(this.#notes, 'download'), `${file.path}.metadata`)
    const [commit, etag, time = ''] = mtimeMs === null ? [] : ((await textIfThere(path)) ?? '').split('\n')
    const isRight = commit === snapshot.commit && etag === contentId(file)
    if (isRight && mtimeMs !== null && Number.parseFloat(time) * 1000 >= mtimeMs) return
    const seconds = (clock.nowMs() / 1000).toFixed(6)
    // Not synced: one that a power cut took is written again by the next pull.
    const temp = await this.#parts.tempPath()
    await this.#folders.make(dirname(temp))
    await writeFile(temp, `${snapshot.commit}\n${contentId(file)}\n${seconds}\n`, { flag: 'wx' })
    await moveFile(temp, path)
  }
}

/** One content may lie under many names here, each a file of its own. */
function proofKey(file: TreeFile): string {
  return `${contentId(file)} ${file.path}`
}

async function writeOnce(path: string, content: string): Promise<void> {
  if ((await statIfThere(path)) === null) await writeFileAtomically(path, content)
}
