/** Every large file that a repository's history names: where and when it came in. */
import { type LfsPointer, POINTER_BYTES_MAX, POINTER_BYTES_MIN, parsePointer } from '../git/lfs-pointer.ts'
import type { Oid } from '../git/oid.ts'
import type { RepoRecord } from './repo-table.ts'
import type { Repositories } from './repositories.ts'

export interface LargeFile extends LfsPointer {
  readonly path: string
  readonly blob: Oid
  readonly commit: Oid
  readonly seconds: number
}

const REFS = /^refs\/(heads|tags|pr|convert)\//

export class LargeFileList {
  readonly #repositories: Repositories

  constructor(repositories: Repositories) {
    this.#repositories = repositories
  }

  /** The pointers that name one of these SHA-256 in any commit of any ref. */
  async pointersTo(record: RepoRecord, sha256s: ReadonlySet<string>): Promise<Set<Oid>> {
    const found = new Set<Oid>()
    for await (const { blob, sha256 } of this.#pointers(record)) if (sha256s.has(sha256)) found.add(blob)
    return found
  }

  /** Each SHA-256 once, by path. */
  async list(record: RepoRecord): Promise<LargeFile[]> {
    const found = new Map<string, LargeFile>()
    for await (const file of this.#pointers(record)) found.set(file.sha256, file)
    return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  async *#pointers(record: RepoRecord): AsyncGenerator<LargeFile> {
    const repository = await this.#repositories.open(record)
    const tips = (await repository.listRefs()).filter(({ name }) => REFS.test(name)).map(({ commit }) => commit)
    for (const { blob, path, commit, seconds } of await repository.listIntroductions([...new Set(tips)])) {
      const object = await repository.findObject(blob)
      if (object === null || object.size < POINTER_BYTES_MIN || object.size > POINTER_BYTES_MAX) continue
      const pointer = parsePointer(await repository.getBlob(blob))
      if (pointer !== null) yield { ...pointer, path, blob, commit, seconds }
    }
  }
}
