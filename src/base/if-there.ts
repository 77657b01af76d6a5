/** What may be absent from the disk without that being a failure. */
import { systemCode } from './app-error.ts'

/** Null when the path, or a folder that leads to it, does not exist; other failures stay failures. */
export async function ifThere<T>(attempt: Promise<T>): Promise<T | null> {
  try {
    return await attempt
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}
