/**
 * Care of the cache-wide store of shared blobs (shared-blobs.ts): what lies there, who refers to it, and its removal.
 *
 * A reference counts when the link that it names leads to the blob. A blob goes only under the lock that huggingface_hub
 * takes for each (flock on HASH.lock), only when it has a list and no entry of the list counts, and in two steps: it is
 * renamed, the list is read again, and it comes back if somebody linked it meanwhile. Where there is no lock to be had,
 * or no list, it stays.
 */
import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { writeFileThrough } from '../base/atomic-file.ts'
import { lockFile } from '../base/file-lock.ts'
import { lstatIfThere, textIfThere } from '../base/if-there.ts'
import { linkTarget, namesIn } from './cache-scan.ts'
import { MARKER } from './shared-blobs.ts'

const REFERENCE = /^(models|datasets|spaces|kernels)--[^/\r\n]+\/blobs\/[^/\r\n]+$/
const HASH = /^[0-9a-f]{64}$/
const LOCK_WAIT_MS = 10_000
/** Put aside by a removal that did not come to its end. */
const ASIDE = /^\.([0-9a-f]{64})\.[0-9a-f]{8}\.gone$/

export interface SharedBlob {
  readonly xetHash: string
  readonly path: string
  readonly stat: Stats
}

/** Nothing when there is no such store. */
export async function listSharedBlobs(cache: string): Promise<SharedBlob[]> {
  const blobs: SharedBlob[] = []
  for (const folder of await prefixFolders(cache)) {
    for (const name of await namesIn(folder)) {
      if (!HASH.test(name) || !name.startsWith(basename(folder))) continue
      const found = await lstatIfThere(join(folder, name))
      if (found?.isFile()) blobs.push({ xetHash: name, path: join(folder, name), stat: found })
    }
  }
  return blobs
}

async function prefixFolders(cache: string): Promise<string[]> {
  const store = join(cache, 'blobs')
  if (!(await lstatIfThere(join(store, MARKER)))?.isFile()) return []
  return (await namesIn(store)).filter((name) => /^[0-9a-f]{2}$/.test(name)).map((name) => join(store, name))
}

/** Links that lead to the blob, of those its list names; null when it has no list. */
export async function findReferences(cache: string, path: string): Promise<string[] | null> {
  const text = await textIfThere(`${path}.refs`)
  if (text === null) return null
  const found = new Set<string>()
  for (const line of text.split('\n')) {
    if (!REFERENCE.test(line) || line.split('/').includes('..')) continue
    if ((await linkTarget(join(cache, line))) === path) found.add(line)
  }
  return [...found].sort()
}

export type SweepOutcome = 'removed' | 'used' | 'unknown' | 'locked'

/** Removes the blob when nobody refers to it; shortens its list when somebody does. */
export async function sweepSharedBlob(cache: string, path: string): Promise<SweepOutcome> {
  const lock = await lockFile(`${path}.lock`, { waitMs: LOCK_WAIT_MS })
  if (typeof lock === 'string') return 'locked'
  try {
    const references = await findReferences(cache, path)
    if (references === null) return 'unknown'
    if (references.length > 0) {
      await writeList(path, references)
      return 'used'
    }
    return await removeUnlessLinked(cache, path)
  } finally {
    await lock.release()
  }
}

async function removeUnlessLinked(cache: string, path: string): Promise<SweepOutcome> {
  if ((await lstatIfThere(path)) === null) return 'removed'
  const aside = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.gone`)
  await rename(path, aside)
  const references = await findReferences(cache, path)
  if (references === null || references.length > 0) {
    await rename(aside, path)
    return 'used'
  }
  await rm(aside, { force: true })
  await rm(`${path}.refs`, { force: true })
  return 'removed'
}

/** Brings back what a killed removal had put aside, or removes it where the blob is there again. */
export async function restoreAside(cache: string): Promise<void> {
  for (const folder of await prefixFolders(cache)) {
    for (const name of await namesIn(folder)) {
      const hash = ASIDE.exec(name)?.[1]
      if (hash === undefined) continue
      const path = join(folder, hash)
      const lock = await lockFile(`${path}.lock`)
      if (typeof lock === 'string') continue
      try {
        if ((await lstatIfThere(path)) === null) await rename(join(folder, name), path)
        else await rm(join(folder, name), { force: true })
      } finally {
        await lock.release()
      }
    }
  }
}

function writeList(path: string, references: readonly string[]): Promise<void> {
  const temp = `${path}.refs.${randomBytes(4).toString('hex')}.tmp`
  return writeFileThrough(temp, `${path}.refs`, references.map((line) => `${line}\n`).join(''), 0o666)
}
