/**
 * flock(2), which Node has no call for, by koffi where that optional package is installed: a lock for each of ten thousand
 * files is no time at all, where a program started for each would be minutes.
 */
import { createRequire } from 'node:module'

/** Not waiting: LOCK_EX | LOCK_NB. */
const EXCLUSIVE_NOW = 2 | 4
const LIBC_NAMES: Readonly<Record<string, string>> = { linux: 'libc.so.6', darwin: 'libSystem.B.dylib' }

type Flock = { async(fd: number, operation: number, done: (error: unknown, result: number) => void): void }

/** As much of koffi as is used. */
interface Koffi {
  load(path: string): { func(signature: string): Flock }
}

/** Undefined before it was looked for; null where there is none. */
let call: Flock | null | undefined

/** Whether the open file is locked now. False also says that nobody can tell. */
export function tryFlock(fd: number): Promise<boolean> {
  call ??= findFlock()
  const flock = call
  if (flock === null) return Promise.resolve(false)
  // Beside the event loop: a file may lie on another machine that does not answer.
  return new Promise((resolve) => {
    flock.async(fd, EXCLUSIVE_NOW, (error, result) => resolve(error === null && result === 0))
  })
}

function findFlock(): Flock | null {
  const libc = LIBC_NAMES[process.platform]
  if (libc === undefined) return null
  try {
    const koffi = createRequire(import.meta.url)(`@koromix/koffi-${process.platform}-${process.arch}`) as Koffi
    return koffi.load(libc).func('int flock(int fd, int operation)')
  } catch (error) {
    // Not installed, or not for this system, such as one with another C library.
    if (error instanceof Error) return null
    throw error
  }
}
