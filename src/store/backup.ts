/** Copies of databases while they are written, and of folders whose files are only ever replaced, each durable. */
import { constants } from 'node:fs'
import { copyFile, link, open, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { AppError, systemCode } from '../base/app-error.ts'
import { makeFolder, syncFolder } from '../base/atomic-file.ts'
import { explained } from './sqlite-database.ts'

export interface CopyOptions {
  /** Gives files that never change a second name where both lie on one file system: fast, and no guard against a bad disk. */
  readonly link: boolean
  readonly signal?: AbortSignal | undefined
}

/** A consistent copy of the database at `from`, made by SQLite itself while others write to it. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true })
  try {
    await backup(source, to)
  } finally {
    source.close()
  }
  checkDatabase(to)
  await syncFile(to)
  await syncFolder(dirname(to))
}

/** Throws unless SQLite finds the file sound. Leaves no log beside it: nobody else has it open. */
export function checkDatabase(path: string): void {
  const db = new DatabaseSync(path)
  try {
    explained(path, () => db.exec('PRAGMA journal_mode=DELETE'))
    checkSound(db, path)
  } finally {
    db.close()
  }
}

/** The same for one that is in use. */
export function checkOpenDatabase(path: string): void {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    checkSound(db, path)
  } finally {
    db.close()
  }
}

function checkSound(db: DatabaseSync, path: string): void {
  const row = explained(path, () => db.prepare('PRAGMA quick_check(1)').get())
  if (Object.values(row ?? {})[0] === 'ok') return
  throw new AppError('damaged', 'DATABASE_DAMAGED', `${path} is no sound database: rebuild or restore it`)
}

/** Copies one file, durable but for its folder's entry. An existing target is replaced. */
export async function copyDurably(from: string, to: string, options: CopyOptions): Promise<void> {
  options.signal?.throwIfAborted()
  if (options.link && (await linked(from, to))) return
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  await syncFile(to)
}

/** All files below `from` that `wanted` says; `isFixed` are those that may share their bytes with the copy. */
export async function copyFolder(
  from: string,
  to: string,
  options: CopyOptions & { wanted?: (path: string) => boolean; isFixed?: (path: string) => boolean },
): Promise<{ files: number }> {
  const { wanted = () => true, isFixed = () => true } = options
  let files = 0
  const walk = async (below: string): Promise<void> => {
    await makeFolder(join(to, below))
    for (const entry of await readdir(join(from, below), { withFileTypes: true })) {
      const path = join(below, entry.name)
      if (!wanted(path)) continue
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) {
        await copyDurably(join(from, path), join(to, path), { ...options, link: options.link && isFixed(path) })
        files++
      }
    }
    await syncFolder(join(to, below))
  }
  await walk('')
  return { files }
}

/** Makes the names in a folder and in its folders durable. */
export async function syncFolders(root: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncFolders(join(root, entry.name))
  }
  await syncFolder(root)
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    // Another file system, one without links, or a copy that is there: copied instead.
    if (['EXDEV', 'EPERM', 'EMLINK', 'EEXIST', 'ENOTSUP'].includes(systemCode(error) ?? '')) return false
    throw error
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
