/** What a push names on this machine, as files of a repository. Nothing is left out silently but git's and our own notes. */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { checkRepoPath } from '../base/safe-path.ts'
import { statIfThere } from './content-check.ts'

export interface LocalFile {
  /** In the repository. */
  readonly path: string
  readonly localPath: string
  readonly size: number
}

/** Each argument is a file, a folder (its contents are meant), or `PATH:DESTINATION` in the repository. */
export async function listLocalFiles(args: readonly string[]): Promise<LocalFile[]> {
  const found = new Map<string, LocalFile>()
  for (const arg of args.length > 0 ? args : ['.']) {
    const { source, destination } = await splitArgument(arg)
    const stats = await statIfThere(source)
    if (stats === null) throw new AppError('usage', 'FILE_MISSING', `${source} does not exist`)
    if (stats.isDirectory()) await addFolder(source, destination ?? '', found)
    else add({ path: destination ?? basename(source), localPath: source, size: stats.size }, stats.isFile(), found)
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function splitArgument(arg: string): Promise<{ source: string; destination: string | null }> {
  const colon = arg.lastIndexOf(':')
  if (colon <= 0 || (await statIfThere(arg)) !== null) return { source: arg, destination: null }
  return { source: arg.slice(0, colon), destination: arg.slice(colon + 1).replace(/^\.?\/+|\/+$/g, '') }
}

async function addFolder(folder: string, prefix: string, found: Map<string, LocalFile>): Promise<void> {
  const names = (await readdir(folder)).sort()
  for (const name of names) {
    const path = posix.join(prefix, name)
    if (name === '.git' || path === '.cache/huggingface' || path.endsWith('/.cache/huggingface')) continue
    const localPath = join(folder, name)
    const stats = await statOf(localPath)
    if (stats.isDirectory()) await addFolder(localPath, path, found)
    else add({ path, localPath, size: stats.size }, stats.isFile(), found)
  }
}

/** Links count as what they lead to; one that leads in a circle or nowhere is an error. */
async function statOf(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ELOOP') throw error
    throw new AppError('usage', 'LINK_BROKEN', `${path} is a link that leads nowhere: remove it or --exclude it`, {
      cause: error,
    })
  }
}

function add(file: LocalFile, isFile: boolean, found: Map<string, LocalFile>): void {
  if (!isFile) throw new AppError('usage', 'FILE_NOT_PLAIN', `${file.localPath} is no plain file: --exclude it`)
  checkRepoPath(file.path)
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
