/**
 * Where bare repositories live: `models/NAMESPACE/NAME.git` below `repos`. A new one is made complete beside its place
 * and gets its name durably; a removed one loses its name first. A folder that no row of accounts.db names is left
 * over from a crash and gives way.
 */
import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder, syncFolder } from '../base/atomic-file.ts'
import { ifThere } from '../base/if-there.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { GitCommand } from '../git/git-command.ts'
import { Repository } from '../git/repository.ts'
import type { RepoId } from './repo-id.ts'
import type { RepoRecord } from './repo-table.ts'

/** Repositories that keep reader processes; those used least lately let go. */
const OPEN_COUNT_MAX = 32

export class Repositories {
  /** Names appear, change and go one after the other. */
  readonly naming = new Semaphore(1)
  readonly #git: GitCommand
  readonly #folder: string
  readonly #open = new Map<string, Promise<Repository>>()

  constructor(git: GitCommand, folder: string) {
    this.#git = git
    this.#folder = folder
  }

  /** Removes what earlier processes left half made or half removed; under the home's lock. */
  async recover(): Promise<void> {
    await rm(join(this.#folder, 'tmp'), { recursive: true, force: true })
  }

  open(record: RepoRecord): Promise<Repository> {
    const known = this.#open.get(record.id)
    const repository = known ?? this.#recovered(this.#pathOf(record))
    this.#open.delete(record.id)
    this.#open.set(record.id, repository)
    if (known === undefined) {
      repository.catch(() => this.#open.delete(record.id))
      this.#closeOldest()
    }
    return repository
  }

  /** Builds a repository and names it; durable when it resolves. Callers take turns. */
  async create(id: RepoId, build: (repository: Repository) => Promise<void>): Promise<void> {
    const temp = join(this.#folder, 'tmp', randomUUID())
    const path = this.#pathOf(id)
    try {
      await makeFolder(dirname(temp))
      const repository = await Repository.init(this.#git, temp)
      await build(repository)
      repository.close()
      await syncAll(temp)
      await makeFolder(dirname(path))
      await this.#discard(path)
      await rename(temp, path)
      await syncFolder(dirname(path))
    } finally {
      await rm(temp, { recursive: true, force: true })
    }
  }

  async has(id: RepoId): Promise<boolean> {
    return (await ifThere(stat(this.#pathOf(id)))) !== null
  }

  /** Gives the folder another name, durably; false when there is none under the first. Writers have been waited for. */
  async move(record: RepoRecord, to: RepoId): Promise<boolean> {
    const [before, after] = [this.#pathOf(record), this.#pathOf(to)]
    if ((await ifThere(stat(before))) === null) return false
    await makeFolder(dirname(after))
    if (before.toLowerCase() !== after.toLowerCase()) await this.#discard(after)
    await rename(before, after)
    await syncFolder(dirname(after))
    await syncFolder(dirname(before))
    const repository = await this.#open.get(record.id)
    this.#open.delete(record.id)
    repository?.close()
    return true
  }

  /** The row is gone already: nobody is led here any more. */
  async remove(record: RepoRecord): Promise<void> {
    const repository = await this.#open.get(record.id)
    this.#open.delete(record.id)
    repository?.close()
    await this.#discard(this.#pathOf(record))
  }

  async close(): Promise<void> {
    for (const repository of this.#open.values()) (await repository).close()
    this.#open.clear()
  }

  async #recovered(path: string): Promise<Repository> {
    const repository = new Repository(this.#git, path)
    await repository.recover()
    return repository
  }

  /** An idle reader answers what it was asked and ends; one in use later starts anew. */
  #closeOldest(): void {
    const extra = [...this.#open.values()].slice(0, Math.max(this.#open.size - OPEN_COUNT_MAX, 0))
    for (const repository of extra) {
      repository.then(
        (opened) => opened.close(),
        (error: Error) => error,
      )
    }
  }

  async #discard(path: string): Promise<void> {
    if ((await ifThere(stat(path))) === null) return
    const trash = join(this.#folder, 'tmp', randomUUID())
    await makeFolder(dirname(trash))
    await rename(path, trash)
    await syncFolder(dirname(path))
    await rm(trash, { recursive: true, force: true })
  }

  #pathOf(id: RepoId): string {
    return join(this.#folder, repositoryFolder(id))
  }
}

/** Below the folder of all repositories. */
export function repositoryFolder({ type, namespace, name }: RepoId): string {
  return join(`${type}s`, namespace, `${name}.git`)
}

/** Flushes every file and folder of a small tree. */
async function syncAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      await syncAll(path)
      continue
    }
    const file = await open(path)
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }
  await syncFolder(folder)
}
