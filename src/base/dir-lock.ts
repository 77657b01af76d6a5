/**
 * One process per folder. The lock is the operating system's own (taken by SQLite on `lock.db`), so it ends with the
 * process however that ends; a file beside it tells others who holds it, and stays when that one had no time to give the
 * lock back.
 */
import { rmSync } from 'node:fs'
import { lstat, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from './app-error.ts'
import { makeFolder, writeFileAtomically } from './atomic-file.ts'
import type { Clock } from './clock.ts'
import { ifThere, textIfThere } from './if-there.ts'

const SQLITE_BUSY = 5
/** FULL, and IOERR, which a failed write becomes. */
const SQLITE_NO_SPACE: readonly number[] = [13, 10]

export interface DirLock {
  /** Who held the lock before and ended without giving it back: killed, or by a crash. */
  readonly unended: string | null
  release(): void
}

/** Kind `busy`, code FOLDER_IN_USE, while another process holds the lock; the message names it. */
export async function lockFolder(folder: string, clock: Clock): Promise<DirLock> {
  await makeFolder(folder)
  const file = join(folder, 'lock.db')
  if (await isLink(file)) {
    throw new AppError('usage', 'FOLDER_UNUSABLE', `${file} is a link to elsewhere: remove it`)
  }
  const db = new DatabaseSync(file)
  const owner = join(folder, 'lock-owner.json')
  try {
    db.exec('PRAGMA journal_mode=DELETE; PRAGMA busy_timeout=0; BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    // Only a held lock means another process: a full or read-only disk says so itself.
    if ((cause as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw unusable(folder, cause)
    const who = await readFile(owner, 'utf8').catch(() => 'another process')
    throw new AppError('busy', 'FOLDER_IN_USE', `${folder} is in use by ${who.trim()}`, { cause })
  }
  const since = new Date(clock.nowMs()).toISOString()
  let unended: string | null
  try {
    unended = (await textIfThere(owner))?.trim() ?? null
    await writeFileAtomically(owner, `${JSON.stringify({ pid: process.pid, host: hostname(), since })}\n`)
  } catch (error) {
    db.close()
    throw error
  }
  return {
    unended,
    release() {
      rmSync(owner, { force: true })
      db.close()
    },
  }
}

function unusable(folder: string, cause: unknown): AppError {
  const { errcode } = cause as { errcode?: unknown }
  const kind = typeof errcode === 'number' && SQLITE_NO_SPACE.includes(errcode & 0xff) ? 'no-space' : 'usage'
  const message = `${folder} cannot be locked (${(cause as Error).message}): it must be writable and have room`
  return new AppError(kind, 'FOLDER_UNUSABLE', message, { cause })
}

async function isLink(path: string): Promise<boolean> {
  return (await ifThere(lstat(path)))?.isSymbolicLink() === true
}
