/** What may be absent from the disk without that being a failure: the path itself, or a folder that leads to it. */
import type { Stats } from 'node:fs'
import { lstat, readFile, rename, stat } from 'node:fs/promises'
import { systemCode } from './app-error.ts'

/** Null when it is absent; other failures stay failures. */
export async function ifThere<T>(attempt: Promise<T>): Promise<T | null> {
  try {
    return await attempt
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}

export function textIfThere(path: string): Promise<string | null> {
  return ifThere(readFile(path, 'utf8'))
}

/** Also null for a link that leads nowhere or in a circle. */
export function statIfThere(path: string): Promise<Stats | null> {
  return ifThere(stat(path).catch(nothingInCircles))
}

/** Of the link itself. */
export function lstatIfThere(path: string): Promise<Stats | null> {
  return ifThere(lstat(path).catch(nothingInCircles))
}

/** False when there is nothing to rename. */
export async function renameIfThere(from: string, to: string): Promise<boolean> {
  return (await ifThere(rename(from, to).then(() => true))) ?? false
}

function nothingInCircles(error: unknown): null {
  if (systemCode(error) === 'ELOOP') return null
  throw error
}
