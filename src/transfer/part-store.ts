/**
 * Files on their way that outlive the process which fetches them: `NAME.OWNER.RANDOM/{data,journal}`, where NAME says
 * which content and OWNER which process, or nobody. Small ones, which do not outlive it, are plain files of NAME `temp`.
 *
 * A part has one owner. Who finds that of an ended process takes it over by renaming the folder, which only one can; no
 * lock is needed, so this works on any file system. An owner that cannot be judged (another machine) counts as ended when
 * nothing was written for a while; should it live after all, it finds its part gone when it wants to name it. Nothing in a
 * part is believed: whoever goes on proves anew what is there.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { makeFolder } from '../base/atomic-file.ts'
import type { Clock } from '../base/clock.ts'
import { ifThere, renameIfThere } from '../base/if-there.ts'
import { ownerName, stateOfOwner } from '../base/process-owner.ts'

/** A smaller file is begun anew: keeping track of it costs more than its bytes. */
export const RESUMABLE_BYTES_MIN = 4 * 1024 * 1024
/** Whoever still works has written, or given up, within this time. */
const SILENT_OWNER_MS = 10 * 60_000
/** Nobody came back for it. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000
/** In the place of the content of a file that nobody goes on with. */
const TEMP = 'temp'
/** In the place of the owner of a part that was let go. */
const NOBODY = 'nobody'

export interface Part {
  /** Open for reading and writing; as long as it got. */
  readonly data: FileHandle
  /** Open for reading and appending. */
  readonly journal: FileHandle
  readonly dataPath: string
  /** Whether it is still ours. */
  isThere(): Promise<boolean>
  /** Closes the files; what is in them stays for whoever comes next. */
  release(): Promise<void>
  /** Closes and removes. */
  discard(): Promise<void>
}

export class PartStore {
  readonly #folder: string
  readonly #clock: Clock

  constructor(folder: string, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  /** The largest part of `name` that nobody works on, else a new one. `name` is a digest. */
  async open(name: string): Promise<Part> {
    await makeFolder(this.#folder)
    const random = randomBytes(4).toString('hex')
    const mine = join(this.#folder, `${name}.${await ownerName()}.${random}`)
    const free = join(this.#folder, `${name}.${NOBODY}.${random}`)
    for (const { path } of await this.#abandoned((part) => part === name)) {
      if (await renameIfThere(path, mine)) return openPart(mine, free)
    }
    await mkdir(mine)
    return openPart(mine, free)
  }

  /** Bytes on the disk, by name, that nobody works on: what the next `open` of each finds. */
  async heldBytes(): Promise<ReadonlyMap<string, number>> {
    const held = new Map<string, number>()
    for (const { name, bytes } of await this.#abandoned(() => true))
      held.set(name, Math.max(bytes, held.get(name) ?? 0))
    return held
  }

  /** A new name for a small file on its way; what a killed process leaves under one is swept by the next. */
  async tempPath(): Promise<string> {
    return join(this.#folder, `${TEMP}.${await ownerName()}.${randomBytes(8).toString('hex')}`)
  }

  /** Removes what nobody came back for, and what nobody can go on with. */
  async sweep(): Promise<void> {
    for (const { name, path, writtenMs } of await this.#abandoned(() => true)) {
      if (name !== TEMP && this.#clock.nowMs() - writtenMs < FORGOTTEN_MS) continue
      const doomed = join(this.#folder, `gone.${randomBytes(8).toString('hex')}`)
      if (await renameIfThere(path, doomed)) await rm(doomed, { recursive: true, force: true })
    }
  }

  /** Parts without a living owner, the largest first. */
  async #abandoned(isWanted: (name: string) => boolean) {
    const found: { name: string; path: string; bytes: number; writtenMs: number }[] = []
    for (const entry of (await ifThere(readdir(this.#folder))) ?? []) {
      const [name = '', owner = ''] = entry.split('.')
      if (!isWanted(name)) continue
      const path = join(this.#folder, entry)
      const data = await ifThere(lstat(join(path, 'data')))
      const { mtimeMs: writtenMs = 0, blocks = 0 } = data ?? (await ifThere(lstat(path))) ?? {}
      const state = owner === NOBODY ? 'ended' : await stateOfOwner(owner)
      if (state === 'runs') continue
      if (state === 'unknown' && this.#clock.nowMs() - writtenMs < SILENT_OWNER_MS) continue
      found.push({ name, path, bytes: data === null ? 0 : 512 * blocks, writtenMs })
    }
    return found.sort((a, b) => b.bytes - a.bytes)
  }
}

async function openPart(folder: string, free: string): Promise<Part> {
  const dataPath = join(folder, 'data')
  const data = await openOwn(dataPath)
  const journal = await openOwn(join(folder, 'journal')).catch(async (error: unknown) => {
    await data.close()
    throw error
  })
  const close = async () => {
    await data.close()
    await journal.close()
  }
  const release = async () => {
    await close()
    await renameIfThere(folder, free)
  }
  const discard = async () => {
    await close()
    await rm(folder, { recursive: true, force: true })
  }
  const isThere = async () => (await ifThere(lstat(dataPath))) !== null
  return { data, journal, dataPath, isThere, release, discard }
}

/** A file of ours and nothing else: what was planted under the name is refused. */
async function openOwn(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o666)
    if ((await file.stat()).nlink === 1) return file
    await file.close()
  } catch (error) {
    if (systemCode(error) !== 'ELOOP') throw error
  }
  throw new AppError('usage', 'PART_PLANTED', `${path} leads elsewhere or has another name: remove it, it is not ours`)
}
