/** The rows of repositories: what exists, whose it is, who may see it. The files are in git and the CAS. */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import { formatRepoId, type RepoId, type RepoType } from './repo-id.ts'

export interface RepoRecord extends RepoId {
  /** Opaque, never reused: also the id in the catalog's references. */
  readonly id: string
  readonly private: boolean
  /** Whose files only those let in may read: asking is enough, or a writer decides. */
  readonly gated: Gating | null
  readonly createdMs: number
  readonly settings: RepoSettings
}

export type Gating = 'auto' | 'manual'

export interface RepoChange {
  readonly private?: boolean | undefined
  /** Null opens it. */
  readonly gated?: Gating | null | undefined
}

export interface RepoSettings {
  /** Of a space, as its maker named it. */
  readonly sdk?: string | undefined
}

export interface NewRepo {
  readonly id: string
  readonly private: boolean
  readonly settings: RepoSettings
}

/** Which private repositories are shown besides the public ones. */
export interface Visibility {
  /** Those of these namespaces; null for all. */
  readonly namespaces: readonly string[] | null
  /** And of them only these, by opaque id; null or absent for no such limit. */
  readonly ids?: readonly string[] | null
}

/** As a condition on a row of `repos`, with the values of `visibleValues`. */
export const VISIBLE = `(repos.private = 0 OR ((? OR repos.owner_key IN (SELECT value FROM json_each(?)))
  AND (? OR repos.id IN (SELECT value FROM json_each(?)))))`

export function visibleValues({ namespaces, ids = null }: Visibility): (string | number)[] {
  const owners = namespaces?.map((namespace) => namespace.toLowerCase()) ?? []
  return [namespaces === null ? 1 : 0, JSON.stringify(owners), ids === null ? 1 : 0, JSON.stringify(ids ?? [])]
}

export class RepoTable {
  readonly #db: DatabaseSync
  readonly #clock: Clock

  constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  static newId(): string {
    return randomBytes(12).toString('hex')
  }

  /** The record by its name, any case. */
  find(id: RepoId): RepoRecord | null {
    const row = this.#db.prepare('SELECT * FROM repos WHERE key = ?').get(keyOf(id))
    return row === undefined ? null : recordOf(row)
  }

  findById(opaque: string): RepoRecord | null {
    const row = this.#db.prepare('SELECT * FROM repos WHERE id = ?').get(opaque)
    return row === undefined ? null : recordOf(row)
  }

  /** Both or none of what is given. */
  update({ id, ...known }: RepoRecord, change: RepoChange): void {
    const isPrivate = change.private ?? known.private
    const gated = change.gated === undefined ? known.gated : change.gated
    this.#db.prepare('UPDATE repos SET private = ?, gated = ? WHERE id = ?').run(isPrivate ? 1 : 0, gated, id)
  }

  insert(id: RepoId, { id: opaque, private: isPrivate, settings }: NewRepo): RepoRecord {
    if (this.find(id) !== null)
      throw new AppError('conflict', 'REPO_EXISTS', `There is a ${id.type} ${formatRepoId(id)}`)
    const sql = `INSERT INTO repos (id, type, namespace, name, key, owner_key, private, created_ms, settings)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
    const owner = id.namespace.toLowerCase()
    const values = [opaque, id.type, id.namespace, id.name, keyOf(id), owner, isPrivate ? 1 : 0]
    this.#db.prepare(sql).run(...values, this.#clock.nowMs(), JSON.stringify(settings))
    // So that listings join every row; nothing is known of its commit yet.
    const facts =
      "INSERT INTO repo_facts (repo_id, commit_oid, modified_ms, bytes, tags, summary) VALUES (?, '', ?, 0, '[]', '{}')"
    this.#db.prepare(facts).run(opaque, this.#clock.nowMs())
    // Who takes a name that led elsewhere has it.
    this.#db.prepare('DELETE FROM redirects WHERE key = ?').run(keyOf(id))
    return this.find(id) as RepoRecord
  }

  /** Whether there was one. */
  delete(opaque: string): boolean {
    return this.#db.prepare('DELETE FROM repos WHERE id = ?').run(opaque).changes > 0
  }

  hasNamespace(namespace: string): boolean {
    return (
      this.#db.prepare('SELECT 1 FROM repos WHERE owner_key = ? LIMIT 1').get(namespace.toLowerCase()) !== undefined
    )
  }

  /**
   * Those of the given opaque ids whose files may be read: public ones that are not gated, and of those that a limit to
   * ids leaves the visible ones, and public ones that let the user in.
   */
  filterReadable(repos: readonly string[], visible: Visibility, user: string | null): string[] {
    const [all, owners, anyId, ids] = visibleValues(visible) as [number, string, number, string]
    const sql = `SELECT id FROM repos WHERE id IN (SELECT value FROM json_each(?)) AND (
      (private = 0 AND gated IS NULL) OR (
        (? OR id IN (SELECT value FROM json_each(?))) AND (
          ? OR owner_key IN (SELECT value FROM json_each(?)) OR (private = 0 AND EXISTS (
            SELECT 1 FROM access_requests WHERE repo_id = repos.id AND user_id = ? AND status = 'accepted')))))`
    const rows = this.#db.prepare(sql).all(JSON.stringify(repos), anyId, ids, all, owners, user)
    return rows.map((row) => String(row.id))
  }

  /** Opaque ids of all, oldest first. */
  listIds(): string[] {
    return this.#db
      .prepare('SELECT id FROM repos ORDER BY seq')
      .all()
      .map((row) => String(row.id))
  }

  /** Names of a namespace's repositories, oldest first, at most `count`. */
  listOwned(namespace: string, count: number): RepoRecord[] {
    const sql = 'SELECT * FROM repos WHERE owner_key = ? ORDER BY seq LIMIT ?'
    return this.#db.prepare(sql).all(namespace.toLowerCase(), count).map(recordOf)
  }

  countOwned(namespace: string): number {
    const sql = 'SELECT count(*) AS count FROM repos WHERE owner_key = ?'
    return Number(this.#db.prepare(sql).get(namespace.toLowerCase())?.count)
  }

  has(opaque: string): boolean {
    return this.#db.prepare('SELECT 1 FROM repos WHERE id = ?').get(opaque) !== undefined
  }
}

/** Equal for equal names, any case. */
export function keyOf(id: RepoId): string {
  return `${id.type}/${formatRepoId(id)}`.toLowerCase()
}

export function recordOf(row: Record<string, SQLOutputValue>): RepoRecord {
  return {
    id: String(row.id),
    type: row.type as RepoType,
    namespace: String(row.namespace),
    name: String(row.name),
    private: row.private === 1,
    gated: row.gated === 'auto' || row.gated === 'manual' ? row.gated : null,
    createdMs: Number(row.created_ms),
    settings: JSON.parse(String(row.settings)) as RepoSettings,
  }
}
