/** Whether a disk has room for what a pull will write, asked before its first byte; and how a full disk is told. */
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { toAppError } from '../base/error-table.ts'
import type { TreeFile } from './hub-client.ts'

/** What file systems take for a file besides its bytes, and a pull for its notes. */
const BLOCK_BYTES = 4096
const MARGIN_BYTES = 4 * 1024 * 1024

export interface Room {
  readonly bytes: number
  /** How many more files. */
  readonly files: number
}

/** What these files will take that is not on the disk yet; `held` tells how much of each is. */
export function roomFor(files: readonly TreeFile[], held: (file: TreeFile) => number): Room {
  const missing = files.map((file) => Math.ceil(Math.max(file.size - held(file), 0) / BLOCK_BYTES) * BLOCK_BYTES)
  return { bytes: missing.reduce((sum, bytes) => sum + bytes, 0), files: files.length }
}

/** Throws DISK_TOO_SMALL unless `need` fits on the disk of `folder`. A disk that does not tell is not refused. */
export async function checkRoom(folder: string, need: Room, measure = roomAt): Promise<void> {
  if (need.files === 0) return
  const free = await measure(folder)
  const wanted = need.bytes + MARGIN_BYTES
  const lacks =
    free.bytes < wanted
      ? `${inMegabytes(wanted)} are needed, ${inMegabytes(free.bytes)} are free: make room for ${inMegabytes(wanted - free.bytes)} more`
      : free.files < need.files
        ? `${need.files} files are to come, ${free.files} more can be made: remove ${need.files - free.files} files there`
        : null
  if (lacks === null) return
  const message = `The disk of ${folder} is too small: ${lacks}, choose another folder, or leave files out (--exclude)`
  const data = { neededBytes: wanted, freeBytes: free.bytes, neededFiles: need.files, freeFiles: free.files }
  throw new AppError('no-space', 'DISK_TOO_SMALL', message, { data })
}

/** What is free for this user on the disk of `folder`, which may not exist yet; infinite where the disk does not say. */
export async function roomAt(folder: string): Promise<Room> {
  try {
    const { bsize, blocks, bavail, files, ffree } = await statfs(folder)
    return {
      bytes: blocks > 0 ? bavail * bsize : Number.POSITIVE_INFINITY,
      files: files > 0 ? ffree : Number.POSITIVE_INFINITY,
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && dirname(folder) !== folder) return roomAt(dirname(folder))
    if (systemCode(error) === null) throw error
    return { bytes: Number.POSITIVE_INFINITY, files: Number.POSITIVE_INFINITY }
  }
}

/** A write that found no room, said so that somebody can help; anything else as it was. */
export function explainFull(error: unknown, folder: string): unknown {
  const { kind, code } = toAppError(error)
  if (kind !== 'no-space' || code === 'UPSTREAM_FULL') return error
  const message = `The disk of ${folder} is full: free some space and pull again, which goes on from here`
  return new AppError('no-space', 'DISK_FULL', message, { cause: error, data: { folder } })
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
