/**
 * The one writer of final names. A file appears under its name whole and durable, or not at all: unique temp beside it
 * (or in a folder of the same file system), write, length check, fsync, rename, fsync of every folder that changed.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError, systemCode } from './app-error.ts'

/** Of `writeFileAtomically`. */
const TEMPORARY = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/

/** Writes `content` to `path`, replacing what is there. `mode` is that of the file. */
export function writeFileAtomically(path: string, content: Uint8Array | string, mode = 0o644): Promise<void> {
  return writeFileThrough(`${path}.${randomUUID()}.tmp`, path, content, mode)
}

/** The same, with a temporary name that whoever calls will know for a leftover after a crash. */
export async function writeFileThrough(
  temp: string,
  path: string,
  content: Uint8Array | string,
  mode = 0o644,
): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  await makeFolder(dirname(path))
  try {
    const file = await open(temp, 'wx', mode)
    try {
      await writeFully(file, bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await nameFile(temp, path)
  } finally {
    await rm(temp, { force: true })
  }
}

/** Removes what killed writers left in a folder that only its one owner writes to. */
export async function sweepTemporaryFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true })
  }
}

/** Gives a finished, synced file its final name and makes the name durable. */
export async function nameFile(temp: string, path: string): Promise<void> {
  await moveFile(temp, path)
  await syncFolder(dirname(path))
}

/** The same, not durable yet. A temporary file of another disk is copied to the one where the name is, synced there. */
export async function moveFile(temp: string, path: string): Promise<void> {
  try {
    await rename(temp, path)
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error
    await moveBetweenDisks(temp, path)
  }
}

async function moveBetweenDisks(from: string, path: string): Promise<void> {
  const temp = join(dirname(path), `.${randomUUID()}.tmp`)
  try {
    await copyFile(from, temp, constants.COPYFILE_EXCL)
    const file = await open(temp, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temp, path)
  } finally {
    await rm(temp, { force: true })
  }
  await rm(from, { force: true })
}

/** Writes all of `bytes` at `position` (default: where the file stands); a short write is an error, never success. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  let at = 0
  while (at < bytes.length) {
    const where = position === undefined ? null : position + at
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, where)
    if (bytesWritten === 0) {
      throw new AppError('no-space', 'WRITE_SHORT', `Wrote ${at} of ${bytes.length} bytes`)
    }
    at += bytesWritten
  }
}

/**
 * Creates a folder and its parents and makes each new level durable. Level by level: Node's own way never ends where the
 * system refuses a folder as if its parent were missing, as below /proc.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  if ((await tryFolder(path, mode)) === 'made') return
  await makeFolder(dirname(path), mode)
  if ((await tryFolder(path, mode)) === 'made') return
  throw new AppError('usage', 'FOLDER_UNUSABLE', `${path} cannot be created here: choose another folder`)
}

async function tryFolder(path: string, mode: number): Promise<'made' | 'parent missing'> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && dirname(path) !== path) return 'parent missing'
    if (await isFolder(path)) return 'made'
    throw error
  }
  await syncFolder(dirname(path))
  return 'made'
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (systemCode(error) === null) throw error
    return false
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
