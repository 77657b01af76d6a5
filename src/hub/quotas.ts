/**
 * How much a namespace may hold: repositories, and the bytes that commits brought into them (a large file counts once in
 * each repository, history included). Bytes are taken before the commit is made and given back when it fails, so that
 * commits at the same time do not pass the limit together.
 */
import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { RepoTable } from './repo-table.ts'

export interface QuotaLimits {
  readonly reposMax: number
  readonly bytesMax: number
}

export const QUOTA_LIMITS: QuotaLimits = { reposMax: 1_000_000, bytesMax: 2 ** 50 }

export class Quotas {
  readonly #db: DatabaseSync
  readonly #repos: RepoTable
  #limits: QuotaLimits = QUOTA_LIMITS

  constructor(db: DatabaseSync, repos: RepoTable) {
    this.#db = db
    this.#repos = repos
  }

  limit(limits: Partial<QuotaLimits>): void {
    this.#limits = { ...this.#limits, ...limits }
  }

  /** Throws unless the namespace may hold one more repository. */
  checkRepoCount(namespace: string): void {
    const { reposMax } = this.#limits
    if (this.#repos.countOwned(namespace) < reposMax) return
    const message = `${namespace} holds ${reposMax} repositories, which is its quota: delete some, or ask who runs this server`
    throw new AppError('forbidden', 'QUOTA_REPOS_EXCEEDED', message)
  }

  /** Throws unless the namespace may hold this repository, which is another's, too. */
  checkMove({ id }: { readonly id: string }, namespace: string): void {
    this.checkRepoCount(namespace)
    this.checkBytes(namespace, this.#bytesIn(id))
  }

  /** Throws unless the namespace may hold so many bytes more. Before bytes are sent; `take` decides. */
  checkBytes(namespace: string, bytes: number): void {
    const { bytesMax } = this.#limits
    const used = this.bytesOf(namespace)
    if (bytes <= 0 || used + bytes <= bytesMax) return
    const message = `${namespace} holds ${used} of its ${bytesMax} bytes, this would add ${bytes}: delete repositories, or ask who runs this server`
    throw new AppError('too-large', 'QUOTA_BYTES_EXCEEDED', message)
  }

  /** Counts the bytes as held by the repository, or throws. */
  take({ id, namespace }: { readonly id: string; readonly namespace: string }, bytes: number): void {
    if (bytes <= 0) return
    this.checkBytes(namespace, bytes)
    const sql = `INSERT INTO repo_usage (repo_id, bytes) SELECT id, ? FROM repos WHERE id = ?
      ON CONFLICT (repo_id) DO UPDATE SET bytes = bytes + excluded.bytes`
    this.#db.prepare(sql).run(bytes, id)
  }

  give({ id }: { readonly id: string }, bytes: number): void {
    this.#db.prepare('UPDATE repo_usage SET bytes = max(bytes - ?, 0) WHERE repo_id = ?').run(bytes, id)
  }

  #bytesIn(repo: string): number {
    return Number(this.#db.prepare('SELECT bytes FROM repo_usage WHERE repo_id = ?').get(repo)?.bytes ?? 0)
  }

  bytesOf(namespace: string): number {
    const sql = `SELECT coalesce(sum(u.bytes), 0) AS bytes FROM repo_usage u JOIN repos r ON r.id = u.repo_id
      WHERE r.owner_key = ?`
    return Number(this.#db.prepare(sql).get(namespace.toLowerCase())?.bytes)
  }
}
