/**
 * What one account may use: what a repository it may read reaches, and what it holds a lease on. A hash, a name or
 * another's signed URL gives nothing.
 *
 * The way is upward, from a name to the repositories that hold it, some hundred at a time until one may be read: what an
 * answer costs follows from who holds the name, not from how many repositories the account may read.
 */
import type { Clock } from '../base/clock.ts'
import type { Catalog } from '../store/catalog.ts'
import type { FileHash, XorbHash } from '../xet/hash.ts'
import type { Access } from './access.ts'
import { Pacer } from './pacer.ts'

export const fileName = (file: FileHash) => `file:${file}`
export const xorbName = (xorb: XorbHash) => `xorb:${xorb}`
export const shardName = (shard: string) => `shard:${shard}`
export const repoName = (repo: string) => `repo:${repo}`
export const holderName = (account: string) => `account:${account}`
/** The holder whose leases only keep, and give nobody a right. */
export const SERVER_HOLDER = 'server'

export interface RightsParts {
  readonly catalog: Catalog
  readonly access: Access
  readonly clock: Clock
}

export class Rights {
  readonly #parts: RightsParts
  readonly #account: string

  constructor(parts: RightsParts, account: string) {
    this.#parts = parts
    this.#account = account
  }

  /** By repository, or because a shard or LFS upload of this account registered it lately. */
  async mayReadFile(file: FileHash): Promise<boolean> {
    return this.#mayUse(fileName(file))
  }

  /** By repository, or because this account uploaded it or was told of it lately. */
  async mayUseXorb(xorb: XorbHash): Promise<boolean> {
    return this.#mayUse(xorbName(xorb))
  }

  async #mayUse(name: string): Promise<boolean> {
    const { catalog, access, clock } = this.#parts
    const until = await catalog.leaseUntil(holderName(this.#account), name)
    if (until > clock.nowSeconds()) return true
    const sole = access.soleRepo(this.#account)
    if (sole !== null) {
      const isThere = (await access.filterReadable(this.#account, [sole])).length > 0
      return isThere && catalog.hasPath([repoName(sole)], name)
    }
    const pacer = new Pacer(clock)
    for await (const holders of catalog.listAbove(name, repoName(''))) {
      const repos = holders.map((holder) => holder.slice(repoName('').length))
      if ((await access.filterReadable(this.#account, repos)).length > 0) return true
      if (pacer.isDue) await pacer.pause()
    }
    return false
  }
}
