/** Between a folder on the disk and a model of it. */
import { createHash } from 'node:crypto'
import { link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RESERVE } from './copy-tree.ts'
import { DiskModel, type Found } from './disk-model.ts'

/** Stands for the reserve's bytes in a model. */
const RESERVE_BYTES = Buffer.from('the reserve')

export async function modelOf(folder: string): Promise<DiskModel> {
  const model = new DiskModel(folder)
  const walk = async (path: string): Promise<void> => {
    model.layFolder(path)
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const below = join(path, entry.name)
      if (entry.isDirectory()) await walk(below)
      else {
        const bytes = entry.name === RESERVE ? RESERVE_BYTES : await readFile(below)
        model.lay(below, (await stat(below)).ino, bytes)
      }
    }
  }
  await walk(folder)
  return model
}

/** Writes what was found; `reserve` is a file to link in the reserve's place. */
export async function layOut(found: Found, to: string, reserve: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 })
  for (const [name, entry] of found) {
    const path = join(to, name)
    if (entry instanceof Map) await layOut(entry, path, reserve)
    else if (typeof entry === 'string') await symlink(entry, path)
    else if (entry.equals(RESERVE_BYTES)) await link(reserve, path)
    else await writeFile(path, entry, { mode: 0o600 })
  }
}

/** SQLite's shared memory is written without calls, and made anew by whoever opens the database after a crash. */
const SHARED_MEMORY = /\.db-shm$/

/** The same for the same names and bytes. */
export function fingerprint(found: Found): string {
  const hash = createHash('sha256')
  const walk = (folder: Found): void => {
    for (const [name, entry] of [...folder].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (entry instanceof Map) {
        hash.update(`folder ${name}\0`)
        walk(entry)
        hash.update('end\0')
      } else if (name === RESERVE) hash.update(`file ${name}\0`)
      else if (!SHARED_MEMORY.test(name)) hash.update(`file ${name}\0${entry.length}\0`).update(entry)
    }
  }
  walk(found)
  return hash.digest('hex')
}
