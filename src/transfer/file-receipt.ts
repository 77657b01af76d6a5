/** Receives one file under a temporary name and gives it its final one only after whoever fills it has proved it. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { makeFolder, nameFile } from '../base/atomic-file.ts'

/**
 * `fill` gets an empty file open for reading and writing; when it throws nothing is left of it. `name` gives the synced
 * file its final name.
 */
export async function receiveFile(
  path: string,
  temp: string,
  fill: (file: FileHandle) => Promise<void>,
  name: (temp: string, path: string) => Promise<void> = nameFile,
): Promise<void> {
  let made = false
  try {
    await makeFolder(dirname(temp))
    await makeFolder(dirname(path))
    const file = await open(temp, 'wx+', 0o666)
    made = true
    try {
      await fill(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await name(temp, path)
  } catch (error) {
    if (!['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) throw error
    const message = `${path} cannot be written: a folder is where the file should be, or a file where its folder should`
    throw new AppError('conflict', 'PATH_TAKEN', message, { cause: error })
  } finally {
    if (made) await rm(temp, { force: true })
  }
}

/** A name no other process uses, as huggingface_hub makes them. */
export function incompleteName(path: string): string {
  return `${path}.${randomBytes(4).toString('hex')}.incomplete`
}
