/** How many connections leave enough descriptors for files, git and SQLite. */
import { textIfThere } from '../base/if-there.ts'
import { DESCRIPTORS_RESERVED } from '../http/limits.ts'

/** Null where the system does not say how many files may be open, or knows no bound. */
export async function connectionsMax(): Promise<number | null> {
  const text = await textIfThere('/proc/self/limits')
  const files = /^Max open files\s+(\d+)/m.exec(text ?? '')?.[1]
  return files === undefined ? null : connectionsFor(Number(files))
}

export function connectionsFor(descriptors: number): number {
  return descriptors - Math.min(DESCRIPTORS_RESERVED, Math.ceil(descriptors / 2))
}
