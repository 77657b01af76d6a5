/**
 * A snapshot in a folder of the user's, with the notes that huggingface_hub keeps in `.cache/huggingface`: for each file
 * commit, ETag and the time of both. They are written for other tools and never believed: a file counts as here when our
 * own record of what we proved still fits it (content-check.ts), else after it was hashed.
 */

import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { makeFolder, writeFileAtomically } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { resolveInside } from '../base/safe-path.ts'
import { ProofRecord, statIfThere } from './content-check.ts'
import { contentId } from './download-plain.ts'
import { type Fill, incompleteName, receiveFile, receiveResumable } from './file-receipt.ts'
import { CACHE_TAG } from './hf-cache.ts'
import type { TreeFile } from './hub-client.ts'
import { PartStore, RESUMABLE_BYTES_MIN } from './part-store.ts'
import type { FileHere, Snapshot, SnapshotPlace } from './snapshot-place.ts'
import { writeTreeFile } from './tree-file.ts'

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
  #proofs: ProofRecord | null = null

  constructor(options: LocalFolderOptions) {
    this.#options = options
    this.root = options.folder
    this.#notes = join(options.folder, '.cache', 'huggingface')
    this.#parts = new PartStore(join(this.#notes, 'xorbit-parts'), options.clock ?? systemClock)
  }

  async look(file: TreeFile): Promise<FileHere> {
    const path = await this.#placeOf(file)
    const proofs = await this.#loadProofs()
    const isFile = (await statIfThere(path))?.isFile() === true
    if (isFile && (await proofs.proves(path, file, proofKey(file), this.#options.signal))) {
      return { isWhole: true, bytes: file.size }
    }
    return { isWhole: false, bytes: Math.min(await this.#parts.bytesOf(contentId(file)), file.size) }
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

  async receive(file: TreeFile, fill: Fill): Promise<string> {
    const path = await this.#placeOf(file)
    if (file.size < RESUMABLE_BYTES_MIN) await receiveFile(path, this.#tempPath(), fill)
    else await receiveResumable(path, { parts: this.#parts, content: contentId(file) }, fill)
    await this.#proofs?.add(path, proofKey(file))
    await this.#writeNote(file, null)
    return path
  }

  async finish(): Promise<void> {
    // Every file was noted as it came; a folder has no refs.
  }

  async keepProofs(): Promise<void> {
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
    return resolveInside(this.root, path)
  }

  /** Short, whatever the file's name. */
  #tempPath(): string {
    return incompleteName(join(this.#notes, 'download', 'file'))
  }

  /** Leaves a note alone that other tools take for right: of this commit and content, not older than the file. */
  async #writeNote(file: TreeFile, mtimeMs: number | null): Promise<void> {
    const { clock = systemClock, snapshot } = this.#options
    if (Buffer.byteLength(basename(file.path)) > NOTED_NAME_BYTES_MAX) return
    const path = await resolveInside(join(this.#notes, 'download'), `${file.path}.metadata`)
    const [commit, etag, time = ''] = mtimeMs === null ? [] : ((await readIfThere(path)) ?? '').split('\n')
    const isRight = commit === snapshot.commit && etag === contentId(file)
    if (isRight && mtimeMs !== null && Number.parseFloat(time) * 1000 >= mtimeMs) return
    const seconds = (clock.nowMs() / 1000).toFixed(6)
    await receiveFile(path, this.#tempPath(), ({ file: note }) =>
      note.writeFile(`${snapshot.commit}\n${contentId(file)}\n${seconds}\n`),
    )
  }
}

/** One content may lie under many names here, each a file of its own. */
function proofKey(file: TreeFile): string {
  return `${contentId(file)} ${file.path}`
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw error
  }
}

async function writeOnce(path: string, content: string): Promise<void> {
  if ((await statIfThere(path)) === null) await writeFileAtomically(path, content)
}
