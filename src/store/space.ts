/**
 * Room on the disk. A reserve of real bytes lies in the home, so that a full disk can still be cleaned: who cleans lets
 * it go first and makes it again when there is room. `lowSpace` says what a probe is told.
 */
import { randomBytes } from 'node:crypto'
import { statfsSync } from 'node:fs'
import { open, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { syncFolder, writeFully } from '../base/atomic-file.ts'
import { sizeIfThere } from './blob-file.ts'

const MIB = 1024 * 1024
const RESERVE_BYTES_MAX = 16 * MIB
/** Enough for SQLite's log while rows are deleted. */
const RESERVE_BYTES_MIN = 512 * 1024
const DISK_PER_RESERVE = 32
const PIECE_BYTES = 256 * 1024

export interface Space {
  readonly free: number
  readonly total: number
}

export async function spaceOf(folder: string): Promise<Space> {
  const { bavail, blocks, bsize } = await statfs(folder)
  return { free: bavail * bsize, total: blocks * bsize }
}

/** How much is kept back on a disk of this size; also what counts as too little left. */
export function reserveBytes(total: number): number {
  return Math.min(Math.max(Math.floor(total / DISK_PER_RESERVE), RESERVE_BYTES_MIN), RESERVE_BYTES_MAX)
}

/** Why no new work should come, by the disk; empty while there is room. */
export function lowSpace(home: string): string[] {
  const { bavail, blocks, bsize } = statfsSync(home)
  const free = bavail * bsize
  if (free >= reserveBytes(blocks * bsize)) return []
  return [`the disk is full: ${Math.floor(free / 1024)} KiB left at ${home}; free space, or run xorbit gc --now`]
}

/** Makes the reserve unless it is there or would take the last room. Whether it is there. */
export async function keepReserve(home: string): Promise<boolean> {
  const path = reservePath(home)
  const { free, total } = await spaceOf(home)
  const bytes = reserveBytes(total)
  const temp = `${path}.tmp`
  // What a crash left there, or somebody planted.
  await rm(temp, { force: true })
  if ((await sizeIfThere(path)) === bytes) return true
  if (free < 2 * bytes) return false
  try {
    const file = await open(temp, 'wx', 0o600)
    try {
      // Random, so that no file system stores it in less.
      for (let left = bytes; left > 0; left -= PIECE_BYTES)
        await writeFully(file, randomBytes(Math.min(left, PIECE_BYTES)))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temp, path)
    await syncFolder(home)
    return true
  } catch (error) {
    if (!isNoSpace(error)) throw error
    return false
  } finally {
    await rm(temp, { force: true })
  }
}

/** Lets the reserve go when there is too little room to clean. Whether it was let go. */
export async function spendReserve(home: string): Promise<boolean> {
  const { free, total } = await spaceOf(home)
  if (free >= reserveBytes(total) || (await sizeIfThere(reservePath(home))) === null) return false
  await rm(reservePath(home), { force: true })
  return true
}

export function isNoSpace(error: unknown): boolean {
  if (error instanceof AppError) return error.kind === 'no-space'
  return ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')
}

function reservePath(home: string): string {
  return join(home, 'reserve')
}
