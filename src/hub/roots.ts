/**
 * What the repositories of this server reach, asked of git: every blob of every commit of every ref that reads as a
 * pointer. Nothing is remembered between two calls: what keeps data alive is the repository itself.
 */

import { AppError } from '../base/app-error.ts'
import type { Roots } from '../cas/liveness.ts'
import type { GitCommand } from '../git/git-command.ts'
import { POINTER_BYTES_MAX, POINTER_BYTES_MIN, parsePointer } from '../git/lfs-pointer.ts'
import { parseOid } from '../git/oid.ts'
import type { Repository } from '../git/repository.ts'
import type { Accounts } from './accounts.ts'
import type { Repositories } from './repositories.ts'

/** A repository of a million small files takes minutes. */
const WALK_MS_MAX = 30 * 60 * 1000

export class GitRoots implements Roots {
  readonly #accounts: Accounts
  readonly #repositories: Repositories
  readonly #git: GitCommand

  constructor(parts: { accounts: Accounts; repositories: Repositories; git: GitCommand }) {
    this.#accounts = parts.accounts
    this.#repositories = parts.repositories
    this.#git = parts.git
  }

  async has(repo: string): Promise<boolean> {
    return this.#accounts.repos.has(repo)
  }

  async *list(): AsyncIterable<string> {
    yield* this.#accounts.repos.listIds()
  }

  async filesOf(repo: string): Promise<ReadonlySet<string>> {
    const repository = await this.#open(repo)
    const found = new Set<string>()
    for (const oid of await this.#smallBlobs(repository)) {
      const pointer = parsePointer(await repository.getBlob(parseOid(oid)))
      if (pointer !== null) found.add(pointer.sha256)
    }
    return found
  }

  async whileStill<T>(repo: string, action: () => Promise<T>): Promise<T> {
    return (await this.#open(repo)).queue.run(action)
  }

  async #open(repo: string): Promise<Repository> {
    const record = this.#accounts.repos.findById(repo)
    if (record === null) throw new AppError('not-found', 'REPO_NOT_FOUND', `There is no repository ${repo}`)
    return this.#repositories.open(record)
  }

  /** Those of a pointer's size, reached from any ref. */
  async #smallBlobs({ gitDir }: Repository): Promise<string[]> {
    const filter = `--filter=combine:object:type=blob+blob:limit=${POINTER_BYTES_MAX + 1}`
    const args = ['rev-list', '--objects', '--all', '--no-object-names', '--filter-provided-objects', filter]
    const { stdout: input } = await this.#git.run({ gitDir, args }, { timeoutMs: WALK_MS_MAX })
    const check = ['cat-file', '--batch-check=%(objectname) %(objectsize)']
    const { stdout } = await this.#git.run({ gitDir, args: check }, { input, timeoutMs: WALK_MS_MAX })
    const lines = stdout.toString('latin1').split('\n')
    return lines.flatMap((line) => {
      const [oid = '', size = '0'] = line.split(' ')
      return Number(size) >= POINTER_BYTES_MIN ? [oid] : []
    })
  }
}
