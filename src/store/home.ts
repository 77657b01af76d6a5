/**
 * One server's folder: made private, locked for one process, of a layout version that we know. Versions are numbers in
 * `layout-version`; a newer one is refused rather than guessed at.
 */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { makeFolder, sweepTemporaryFiles, writeFileAtomically } from '../base/atomic-file.ts'
import type { Clock } from '../base/clock.ts'
import { runFiles } from '../base/config.ts'
import { type DirLock, lockFolder } from '../base/dir-lock.ts'
import { textIfThere } from '../base/if-there.ts'
import { sizeIfThere } from './blob-file.ts'
import { isNoSpace, spendReserve } from './space.ts'

export const LAYOUT_VERSION = 1
const PRIVATE = 0o700

export interface Home {
  readonly path: string
  readonly lock: DirLock
}

export async function openHome(path: string, clock: Clock): Promise<Home> {
  await makeFolder(path, PRIVATE)
  await chmod(path, PRIVATE)
  const lock = await lockHome(path, clock)
  try {
    for (const folder of [path, runFiles(path).folder]) await sweepTemporaryFiles(folder)
    await checkLayout(path)
    return { path, lock }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** A lock needs a few bytes: on a full disk the reserve gives them. */
async function lockHome(path: string, clock: Clock): Promise<DirLock> {
  const { folder } = runFiles(path)
  const attempt = async () => {
    await makeFolder(folder, PRIVATE)
    return lockFolder(folder, clock)
  }
  try {
    return await attempt()
  } catch (error) {
    if (!isNoSpace(error) || !(await spendReserve(path))) throw error
    return attempt()
  }
}

/** Lies in a home while a backup is copied into it. */
export function restoreMark(home: string): string {
  return join(home, 'restore-unfinished')
}

async function checkLayout(path: string): Promise<void> {
  if ((await sizeIfThere(restoreMark(path))) !== null) {
    const message = `A restore into ${path} did not end: run xorbit restore again, or remove the folder`
    throw new AppError('usage', 'RESTORE_UNFINISHED', message)
  }
  const file = join(path, 'layout-version')
  const text = await textIfThere(file)
  if (text === null) return writeFileAtomically(file, `${LAYOUT_VERSION}\n`)
  const version = Number(text)
  if (Number.isInteger(version) && version >= 1 && version <= LAYOUT_VERSION) return
  throw new AppError(
    'usage',
    'LAYOUT_UNKNOWN',
    `${path} has layout ${text.trim()}; this program knows ${LAYOUT_VERSION}`,
  )
}
