/**
 * Files on this machine that may be what a listing wants: objects of git-lfs (`lfs/objects/ab/cd/SHA256`) and Ollama
 * (`blobs/sha256-SHA256`), found by name, and files of any other folder, found by size. Names prove nothing: whoever
 * takes a file hashes it.
 */
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError } from '../base/app-error.ts'
import type { Env } from '../base/config.ts'
import { lstatIfThere, statIfThere, textIfThere } from '../base/if-there.ts'
import { namesIn, walk } from './cache-scan.ts'
import type { TreeFile } from './hub-client.ts'

export interface Candidate {
  readonly path: string
  /** Objects of a store are never written again, so that another name for one is safe. */
  readonly isImmutable: boolean
}

export class AdoptableFiles {
  readonly #lfs: string[] = []
  readonly #ollama: string[] = []
  readonly #bySize = new Map<number, string[]>()

  /** Folders a person named, else the places where the tools keep their own. */
  static async open(folders: readonly string[], env: Env): Promise<AdoptableFiles> {
    const files = new AdoptableFiles()
    for (const folder of folders) {
      const path = resolve(folder)
      if (!(await statIfThere(path))?.isDirectory()) {
        throw new AppError('usage', 'ADOPT_SOURCE_BAD', `${folder} is no folder: name a clone, a store or a folder`)
      }
      await files.#add(path)
    }
    if (folders.length > 0) return files
    const user = env.HOME || homedir()
    const usual = [env.OLLAMA_MODELS || join(user, '.ollama', 'models'), '/usr/share/ollama/.ollama/models']
    for (const path of usual) if (await hasOllama(path)) files.#ollama.push(join(path, 'blobs'))
    const lfs = await findLfs(process.cwd())
    if (lfs !== null) files.#lfs.push(lfs)
    return files
  }

  /** The stores and folders that are looked through. */
  get places(): string[] {
    const folders = new Set([...this.#bySize.values()].flat().map(dirname))
    return [...this.#lfs, ...this.#ollama, ...folders]
  }

  async find({ sha256, size }: TreeFile): Promise<Candidate[]> {
    const found: Candidate[] = []
    if (sha256 !== null) {
      const named = [
        ...this.#lfs.map((folder) => join(folder, sha256.slice(0, 2), sha256.slice(2, 4), sha256)),
        ...this.#ollama.map((folder) => join(folder, `sha256-${sha256}`)),
      ]
      for (const path of named) {
        const there = await lstatIfThere(path)
        if (there?.isFile() && there.size === size) found.push({ path, isImmutable: true })
      }
    }
    return [...found, ...(this.#bySize.get(size) ?? []).map((path) => ({ path, isImmutable: false }))]
  }

  async #add(folder: string): Promise<void> {
    const lfs = await findLfs(folder)
    const isOllama = await hasOllama(folder)
    if (lfs !== null) this.#lfs.push(lfs)
    if (isOllama) this.#ollama.push(basename(folder) === 'blobs' ? folder : join(folder, 'blobs'))
    if (isOllama || lfs === folder) return
    for await (const path of walk(folder)) {
      if (/\/\.git\//.test(path.slice(folder.length))) continue
      const found = await lstatIfThere(path)
      if (!found?.isFile() || found.size === 0) continue
      this.#bySize.set(found.size, [...(this.#bySize.get(found.size) ?? []), path])
    }
  }
}

/** `blobs/sha256-…`, given the folder above or `blobs` itself. */
async function hasOllama(folder: string): Promise<boolean> {
  const blobs = basename(folder) === 'blobs' ? folder : join(folder, 'blobs')
  return (await namesIn(blobs)).some((name) => /^sha256-[0-9a-f]{64}$/.test(name))
}

/** The objects of a store, or of the clone (or linked work tree) that the folder is. */
async function findLfs(folder: string): Promise<string | null> {
  if (/\/lfs\/objects$/.test(folder)) return folder
  const objects = ['.git/lfs/objects', 'lfs/objects'].map((path) => join(folder, path))
  const linked = await commonGitFolder(join(folder, '.git'))
  if (linked !== null) objects.push(join(linked, 'lfs', 'objects'))
  for (const path of objects) if ((await statIfThere(path))?.isDirectory()) return path
  return null
}

/** Of a linked work tree, whose `.git` is a file that says where its part of the repository is. */
async function commonGitFolder(file: string): Promise<string | null> {
  if (!(await statIfThere(file))?.isFile()) return null
  const gitFolder = /^gitdir: (.+)$/m.exec((await textIfThere(file)) ?? '')?.[1]
  if (gitFolder === undefined) return null
  const own = resolve(dirname(file), gitFolder.trim())
  return resolve(own, (await textIfThere(join(own, 'commondir')))?.trim() || '.')
}
