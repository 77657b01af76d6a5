/**
 * flock(2), which Node has no call for, by koffi where that optional package is installed: a lock for each of ten thousand
 * files is no time at all, where a program started for each would be minutes.
 */
import { createRequire } from 'node:module'
import { constants } from 'node:os'

/** Not waiting: LOCK_EX | LOCK_NB. */
const EXCLUSIVE_NOW = 2 | 4
const LIBC_NAMES: Readonly<Record<string, string>> = { linux: 'libc.so.6', darwin: 'libSystem.B.dylib' }

interface FlockCall {
  (fd: number, operation: number): number
  async(fd: number, operation: number, done: (error: unknown, result: number) => void): void
}

/** As much of koffi as is used. */
interface Koffi {
  load(path: string): { func(signature: string): FlockCall }
  errno(): number
}

interface Native {
  readonly flock: FlockCall
  readonly errno: () => number
}

/** Undefined before it was looked for; null where there is none. */
let native: Native | null | undefined

export function hasFlock(): boolean {
  if (native === undefined) native = findNative()
  return native !== null
}

/** Locks the open file unless another has it; null where this process cannot call flock(2). */
export async function tryFlock(fd: number): Promise<'ours' | 'held' | 'unavailable' | null> {
  if (!hasFlock()) return null
  const { flock, errno } = native as Native
  // First beside the event loop: a file may lie on another machine that does not answer. That call's errno stays there.
  const isOurs = await new Promise<boolean>((resolve) => {
    flock.async(fd, EXCLUSIVE_NOW, (error, result) => resolve(error === null && result === 0))
  })
  if (isOurs || flock(fd, EXCLUSIVE_NOW) === 0) return 'ours'
  return errno() === constants.errno.EWOULDBLOCK ? 'held' : 'unavailable'
}

function findNative(): Native | null {
  const libc = LIBC_NAMES[process.platform]
  if (libc === undefined) return null
  try {
    const koffi = createRequire(import.meta.url)(`@koromix/koffi-${process.platform}-${process.arch}`) as Koffi
    return { flock: koffi.load(libc).func('int flock(int fd, int operation)'), errno: () => koffi.errno() }
  } catch (error) {
    // Not installed, or not for this system, such as one with another C library.
    if (error instanceof Error) return null
    throw error
  }
}
