/** What a push names on this machine, as files of a repository. Nothing is left out silently but git's and our own notes. */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { statIfThere } from '../base/if-there.ts'
import { cancelled } from '../base/retry.ts'
import { checkNewPath } from '../base/safe-path.ts'

export interface LocalFile {
  /** In the repository. */
  readonly path: string
  readonly localPath: string
  readonly size: number
}

export interface ListOptions {
  /** By the path in the repository; what is left out need not be readable. */
  readonly isWanted?: (path: string) => boolean
  readonly signal?: AbortSignal | undefined
}

/** A folder being walked: the way to it, by which a link in a circle is known. */
interface Walk extends Required<Pick<ListOptions, 'isWanted'>> {
  readonly found: Map<string, LocalFile>
  readonly ancestors: readonly string[]
  readonly signal: AbortSignal | undefined
}

/** Each argument is a file, a folder (its contents are meant), or `PATH:DESTINATION` in the repository. */
export async function listLocalFiles(args: readonly string[], options: ListOptions = {}): Promise<LocalFile[]> {
  const { isWanted = () => true, signal } = options
  const found = new Map<string, LocalFile>()
  for (const arg of args.length > 0 ? args : ['.']) {
    const { source, destination } = await splitArgument(arg)
    const stats = await statIfThere(source)
    if (stats === null) throw new AppError('usage', 'FILE_MISSING', `${source} does not exist`)
    const path = destination ?? basename(source)
    const walk = { isWanted, signal, found, ancestors: [identity(stats)] }
    if (stats.isDirectory()) await addFolder(source, destination ?? '', walk)
    else if (isWanted(path)) add({ path, localPath: source, size: stats.size }, stats.isFile(), found)
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function splitArgument(arg: string): Promise<{ source: string; destination: string | null }> {
  const colon = arg.lastIndexOf(':')
  if (colon <= 0 || (await statIfThere(arg)) !== null) return { source: arg, destination: null }
  return { source: arg.slice(0, colon), destination: arg.slice(colon + 1).replace(/^\.?\/+|\/+$/g, '') }
}

async function addFolder(folder: string, prefix: string, walk: Walk): Promise<void> {
  const { isWanted, found, ancestors, signal } = walk
  const names = (await readdir(folder)).sort()
  for (const name of names) {
    const path = posix.join(prefix, name)
    if (name === '.git' || path === '.cache/huggingface' || path.endsWith('/.cache/huggingface')) continue
    const localPath = join(folder, name)
    if (signal?.aborted) throw cancelled(signal.reason)
    const stats = isWanted(path) ? await statOf(localPath) : await statIfLeads(localPath)
    if (stats === null) continue
    const here = identity(stats)
    if (!stats.isDirectory()) {
      if (isWanted(path)) add({ path, localPath, size: stats.size }, stats.isFile(), found)
    } else if (!ancestors.includes(here)) {
      await addFolder(localPath, path, { ...walk, ancestors: [...ancestors, here] })
    } else if (isWanted(path)) {
      throw new AppError('usage', 'LINK_BROKEN', `${localPath} is a link in a circle: remove it or --exclude it`)
    }
  }
}

function identity({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`
}

/** Null for a link that leads nowhere. */
async function statIfLeads(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ELOOP') return null
    throw error
  }
}

/** Links count as what they lead to; one that leads in a circle or nowhere is an error. */
async function statOf(path: string) {
  const stats = await statIfLeads(path)
  if (stats !== null) return stats
  throw new AppError('usage', 'LINK_BROKEN', `${path} is a link that leads nowhere: remove it or --exclude it`)
}

function add(file: LocalFile, isFile: boolean, found: Map<string, LocalFile>): void {
  if (!isFile) throw new AppError('usage', 'FILE_NOT_PLAIN', `${file.localPath} is no plain file: --exclude it`)
  checkNewPath(file.path)
  const other = found.get(file.path)
  if (other !== undefined && other.localPath !== file.localPath) {
    const message = `${other.localPath} and ${file.localPath} would both be ${file.path}: name a destination, PATH:DEST`
    throw new AppError('usage', 'PATH_TWICE', message)
  }
  found.set(file.path, file)
}

/** Opens a file for reading, with a message a person can use. */
export async function openLocal(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    throw new AppError('conflict', 'FILE_CHANGED', `${path} went away while it was pushed`, { cause: error })
  }
}

/** The first bytes of a file, by which a Hub tells text from data. */
export async function readSample(path: string, length = 512): Promise<Uint8Array> {
  const file = await openLocal(path)
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
