/**
 * What one account may use, asked once per request: what a repository it may read reaches, and what it holds a lease on.
 * A hash, a name or another's signed URL gives nothing.
 */
import type { Catalog } from '../store/catalog.ts'
import type { FileHash, XorbHash } from '../xet/hash.ts'

export const fileName = (file: FileHash) => `file:${file}`
export const xorbName = (xorb: XorbHash) => `xorb:${xorb}`
export const shardName = (shard: string) => `shard:${shard}`
export const repoName = (repo: string) => `repo:${repo}`
export const holderName = (account: string) => `account:${account}`
/** The holder whose leases only keep, and give nobody a right. */
export const SERVER_HOLDER = 'server'

export class Rights {
  readonly #catalog: Catalog
  readonly #holder: string
  readonly #repos: readonly string[]
  readonly #nowSeconds: number

  constructor(catalog: Catalog, who: { account: string; repos: readonly string[]; nowSeconds: number }) {
    this.#catalog = catalog
    this.#holder = holderName(who.account)
    this.#repos = who.repos.map(repoName)
    this.#nowSeconds = who.nowSeconds
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
    const until = await this.#catalog.leaseUntil(this.#holder, name)
    return until > this.#nowSeconds || this.#catalog.hasPath(this.#repos, name)
  }
}
