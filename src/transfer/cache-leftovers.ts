/**
 * What ended processes left in a cache: files that never became whole, parts of downloads (part-store.ts), folders on
 * their way out. Each is judged: whose process runs, or may run, stays.
 *
 * huggingface_hub writes `ETAG.XXXXXXXX.incomplete` while it holds flock on `.locks/REPO/ETAG.lock`; what a removal of
 * ours puts aside (cache-removal.ts) has the same name without a lock and lives for seconds. So a file counts as left when
 * its lock is there and free, or when nothing was written to it for a while.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { lockFile } from '../base/file-lock.ts'
import { lstatIfThere } from '../base/if-there.ts'
import { stateOfOwner } from '../base/process-owner.ts'
import { GONE_PREFIX, namesIn, walk } from './cache-scan.ts'

/** Whoever still works has written within this time. */
export const SILENT_MS = 10 * 60_000
/** With a free lock: long enough for whoever has no lock to finish a small file. */
const SILENT_WITHOUT_LOCK_MS = 10_000

export interface Leftover {
  readonly path: string
  readonly bytes: number
  /** `unfinished` files, `part`s that a pull would go on with, `removal`s that were cut. */
  readonly what: 'unfinished' | 'part' | 'removal'
  /** False while its process runs, or may run. */
  readonly isLeft: boolean
}

/** Of one repository's folder in the cache. */
export async function repoLeftovers(cache: string, folderName: string, clock: Clock): Promise<Leftover[]> {
  const folder = join(cache, folderName)
  const found: Leftover[] = []
  for (const name of await namesIn(join(folder, 'blobs'))) {
    if (!name.endsWith('.incomplete') && !/^\..*\.(link|shared)$/.test(name)) continue
    const path = join(folder, 'blobs', name)
    const isLeft = await isAbandoned(path, join(cache, '.locks', folderName), clock)
    found.push({ path, bytes: await bytesOf(path), what: 'unfinished', isLeft })
  }
  for (const name of await namesIn(join(folder, '.xorbit-parts'))) {
    const path = join(folder, '.xorbit-parts', name)
    found.push({ path, bytes: await bytesOf(path), what: 'part', isLeft: await isPartLeft(path, name, clock) })
  }
  return [...found, ...(await removals(folder))]
}

/** Of the cache itself. */
export async function removals(folder: string): Promise<Leftover[]> {
  const names = (await namesIn(folder)).filter((name) => name.startsWith(GONE_PREFIX))
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const owner = name.slice(GONE_PREFIX.length).split('.')[0] ?? ''
      const isLeft = (await stateOfOwner(owner)) !== 'runs'
      return { path, bytes: await bytesOf(path), what: 'removal', isLeft } as const
    }),
  )
}

export async function removeLeftover({ path }: Leftover): Promise<void> {
  await rm(path, { recursive: true, force: true })
}

async function isAbandoned(path: string, locks: string, clock: Clock): Promise<boolean> {
  const found = await lstatIfThere(path)
  if (found === null) return false
  const silentMs = clock.nowMs() - found.mtimeMs
  const etag = (path.split('/').at(-1) ?? '').replace(/(\.[0-9a-f]{8})?\.incomplete$/, '')
  const lock = await lockFile(join(locks, `${etag}.lock`), { create: false })
  if (lock === 'held') return false
  if (lock === 'unavailable') return silentMs >= SILENT_MS
  await lock.release()
  return silentMs >= SILENT_WITHOUT_LOCK_MS
}

/** `CONTENT.OWNER.RANDOM`; one that was let go has `nobody` for an owner. */
async function isPartLeft(path: string, name: string, clock: Clock): Promise<boolean> {
  const owner = name.split('.')[1] ?? ''
  if (owner === 'nobody' || name.startsWith('gone.')) return true
  const state = await stateOfOwner(owner)
  if (state !== 'unknown') return state === 'ended'
  const data = (await lstatIfThere(join(path, 'data'))) ?? (await lstatIfThere(path))
  return clock.nowMs() - (data?.mtimeMs ?? 0) >= SILENT_MS
}

/** On the disk, of a file or of all below a folder. */
async function bytesOf(path: string): Promise<number> {
  const found = await lstatIfThere(path)
  if (found === null) return 0
  if (!found.isDirectory()) return 512 * found.blocks
  let bytes = 0
  for await (const file of walk(path)) bytes += 512 * ((await lstatIfThere(file))?.blocks ?? 0)
  return bytes
}
