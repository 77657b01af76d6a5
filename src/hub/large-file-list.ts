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

  /** Each SHA-256 once, by path. */
  async list(record: RepoRecord): Promise<LargeFile[]> {
    const repository = await this.#repositories.open(record)
    const tips = (await repository.listRefs()).filter(({ name }) => REFS.test(name)).map(({ commit }) => commit)
    const found = new Map<string, LargeFile>()
    for (const { blob, path, commit, seconds } of await repository.listIntroductions([...new Set(tips)])) {
      const object = await repository.findObject(blob)
      if (object === null || object.size < POINTER_BYTES_MIN || object.size > POINTER_BYTES_MAX) continue
      const pointer = parsePointer(await repository.getBlob(blob))
      if (pointer !== null) found.set(pointer.sha256, { ...pointer, path, blob, commit, seconds })
    }
    return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }
}
