/**
 * The advisory lock that other programs take with flock(2), such as Python's filelock. It belongs to the opening of the
 * file, and stays with us until we close it or end. Where the call (flock.ts) is not to be had, the system's `flock`
 * command makes it, for the file that we opened and hand to it.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { systemCode } from './app-error.ts'
import { systemClock } from './clock.ts'
import { tryFlock } from './flock.ts'

export interface FileLock {
  release(): Promise<void>
}

/** `held`: another process has it. `unavailable`: this system or file system has no such locks. */
export type LockFailure = 'held' | 'unavailable'

export interface FileLockOptions {
  /** How long to wait for whoever has it. */
  readonly waitMs?: number
  /** Make the file when there is none; else a missing file is a lock that nobody holds, and `unavailable`. */
  readonly create?: boolean
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined
}

const RETRY_MS = 50
/** What `flock` ends with when another has the lock; everything else means that it cannot lock at all. */
const EXIT_HELD = 1
/** The first place after standard error in the child. */
const CHILD_FD = 3

export async function lockFile(path: string, options: FileLockOptions = {}): Promise<FileLock | LockFailure> {
  const { waitMs = 0, create = true, signal } = options
  const file = await openLock(path, create)
  if (file === null) return 'unavailable'
  const endMs = systemClock.monotonicMs() + waitMs
  let outcome: 'ours' | LockFailure = 'unavailable'
  try {
    for (;;) {
      outcome = await tryLock(file)
      if (outcome !== 'held' || systemClock.monotonicMs() >= endMs) break
      await systemClock.sleep(RETRY_MS, signal)
    }
  } finally {
    if (outcome !== 'ours') await file.close()
  }
  return outcome === 'ours' ? { release: () => file.close() } : outcome
}

/** Null when it is not there, or is no plain file. */
async function openLock(path: string, create: boolean): Promise<FileHandle | null> {
  try {
    const flags = constants.O_RDWR | constants.O_NOFOLLOW
    return await open(path, create ? flags | constants.O_CREAT : flags, 0o666)
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'EISDIR', 'ENOTDIR', 'EACCES', 'EROFS'].includes(systemCode(error) ?? '')) return null
    throw error
  }
}

async function tryLock(file: FileHandle): Promise<'ours' | LockFailure> {
  return (await tryFlock(file.fd)) ?? lockByCommand(file)
}

function lockByCommand(file: FileHandle): Promise<'ours' | LockFailure> {
  return new Promise((resolve) => {
    const stdio = ['ignore', 'ignore', 'ignore', file.fd] as const
    const child = spawn('flock', ['-x', '-n', String(CHILD_FD)], { stdio: [...stdio] })
    child.once('error', () => resolve('unavailable'))
    child.once('close', (code) => resolve(code === 0 ? 'ours' : code === EXIT_HELD ? 'held' : 'unavailable'))
  })
}
