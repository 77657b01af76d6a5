/** Receives one file under a temporary name and gives it its final one only after whoever fills it has proved it. */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { makeFolder, nameFile } from '../base/atomic-file.ts'
import { FetchJournal } from './fetch-journal.ts'
import type { Part, PartStore } from './part-store.ts'

export interface Incoming {
  /** Open for reading and writing. What is in it is left from an earlier attempt and proves nothing. */
  readonly file: FileHandle
  /** How far an earlier attempt came; null when this one begins with nothing and leaves nothing. */
  readonly journal: FetchJournal | null
}

export type Fill = (incoming: Incoming) => Promise<void>
/** Gives the synced file its final name. */
export type NameFile = (temp: string, path: string) => Promise<void>

/** When `fill` throws nothing is left. The folder of `path` must exist unless the temporary name lies in it. */
export async function receiveFile(path: string, temp: string, fill: Fill, name: NameFile = nameFile): Promise<void> {
  let made = false
  try {
    const file = await openNew(temp)
    made = true
    try {
      await fill({ file, journal: null })
      await file.sync()
    } finally {
      await file.close()
    }
    await name(temp, path)
    made = false
  } catch (error) {
    throw pathTaken(error, path)
  } finally {
    if (made) await rm(temp, { force: true })
  }
}

async function openNew(temp: string): Promise<FileHandle> {
  try {
    return await open(temp, 'wx+', 0o666)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    await makeFolder(dirname(temp))
    return open(temp, 'wx+', 0o666)
  }
}

/** As `receiveFile`, going on where an earlier attempt at `content` (a digest) ended; a broken one is kept for the next. */
export async function receiveResumable(
  path: string,
  { parts, content }: { readonly parts: PartStore; readonly content: string },
  fill: Fill,
  name: NameFile = nameFile,
): Promise<void> {
  const part = await parts.open(content)
  let isUseless = false
  try {
    await fill({ file: part.data, journal: await FetchJournal.open(part.journal) })
    await part.data.sync()
    await name(part.dataPath, path)
    isUseless = true
  } catch (error) {
    isUseless = error instanceof AppError && error.kind === 'integrity'
    throw (await isTaken(part, error)) ? taken(path, error) : pathTaken(error, path)
  } finally {
    await (isUseless ? part.discard() : part.release())
  }
}

/** Whether another process went on with the part meanwhile. */
async function isTaken({ data, isThere }: Part, error: unknown): Promise<boolean> {
  return systemCode(error) === 'ENOENT' && (await data.stat()).nlink > 0 && !(await isThere())
}

function taken(path: string, cause: unknown): AppError {
  const message = `Another process has taken over the download of ${path}, which stood still here: pull again`
  return new AppError('conflict', 'PART_TAKEN', message, { cause })
}

/** Says that something else has the name; other errors as they were. */
export function pathTaken(error: unknown, path: string): unknown {
  if (!['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) return error
  const message = `${path} cannot be written: a folder is where the file should be, or a file where its folder should`
  return new AppError('conflict', 'PATH_TAKEN', message, { cause: error })
}
