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
  readonly createdMs: number
  readonly settings: RepoSettings
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

export interface RepoFilter extends Visibility {
  readonly type: RepoType
  readonly author?: string | undefined
  /** Part of `namespace/name`, any case. */
  readonly search?: string | undefined
  /** Continue after this row. */
  readonly after?: number | undefined
  readonly count: number
}

type Row = Record<string, SQLOutputValue>

/** With the values of `valuesOf`. */
const VISIBLE = `(private = 0 OR ((? OR owner_key IN (SELECT value FROM json_each(?)))
  AND (? OR id IN (SELECT value FROM json_each(?)))))`

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

  insert(id: RepoId, { id: opaque, private: isPrivate, settings }: NewRepo): RepoRecord {
    if (this.find(id) !== null)
      throw new AppError('conflict', 'REPO_EXISTS', `There is a ${id.type} ${formatRepoId(id)}`)
    const sql = `INSERT INTO repos (id, type, namespace, name, key, owner_key, private, created_ms, settings)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
    const owner = id.namespace.toLowerCase()
    const values = [opaque, id.type, id.namespace, id.name, keyOf(id), owner, isPrivate ? 1 : 0]
    this.#db.prepare(sql).run(...values, this.#clock.nowMs(), JSON.stringify(settings))
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

  /** Newest first. `last` is where a next page continues, null at the end. */
  list({ type, author, search, after, count, ...visible }: RepoFilter): { repos: RepoRecord[]; last: number | null } {
    const sql = `SELECT * FROM repos WHERE type = ? AND seq < ? AND ${VISIBLE}
      AND (? IS NULL OR owner_key = ?) AND (? IS NULL OR instr(lower(namespace || '/' || name), ?) > 0)
      ORDER BY seq DESC LIMIT ?`
    const owner = author?.toLowerCase() ?? null
    const part = search?.toLowerCase() ?? null
    const start = after ?? Number.MAX_SAFE_INTEGER
    const filters = [owner, owner, part, part, count + 1]
    const rows = this.#db.prepare(sql).all(type, start, ...valuesOf(visible), ...filters)
    const page = rows.slice(0, count)
    return { repos: page.map(recordOf), last: rows.length > count ? Number(page.at(-1)?.seq) : null }
  }

  /** Opaque ids of public repositories and of the private ones that are visible. */
  listReadable(visible: Visibility): string[] {
    const rows = this.#db.prepare(`SELECT id FROM repos WHERE ${VISIBLE}`).all(...valuesOf(visible))
    return rows.map((row) => String(row.id))
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

function valuesOf({ namespaces, ids = null }: Visibility): (string | number)[] {
  const owners = namespaces?.map((namespace) => namespace.toLowerCase()) ?? []
  return [namespaces === null ? 1 : 0, JSON.stringify(owners), ids === null ? 1 : 0, JSON.stringify(ids ?? [])]
}

function keyOf(id: RepoId): string {
  return `${id.type}/${formatRepoId(id)}`.toLowerCase()
}

function recordOf(row: Row): RepoRecord {
  return {
    id: String(row.id),
    type: row.type as RepoType,
    namespace: String(row.namespace),
    name: String(row.name),
    private: row.private === 1,
    createdMs: Number(row.created_ms),
    settings: JSON.parse(String(row.settings)) as RepoSettings,
  }
}
