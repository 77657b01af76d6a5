/**
 * Renames of repositories: where old names lead, and which renames are under way. A rename is first written down, then
 * the folder moves, then the row changes and the note goes in one transaction: after a crash the note tells that the
 * folder belongs back.
 */
import type { DatabaseSync } from 'node:sqlite'
import { transact } from './accounts-db.ts'
import type { RepoId } from './repo-id.ts'
import { keyOf, type RepoRecord, recordOf } from './repo-table.ts'

export class RepoMoves {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** Where a repository that had this name is now. */
  findTarget(id: RepoId): RepoRecord | null {
    const sql = 'SELECT repos.* FROM redirects JOIN repos ON repos.id = redirects.repo_id WHERE redirects.key = ?'
    const row = this.#db.prepare(sql).get(keyOf(id))
    return row === undefined ? null : recordOf(row)
  }

  begin({ id }: RepoRecord, { namespace, name }: RepoId): void {
    const sql = 'INSERT OR REPLACE INTO moves (repo_id, namespace, name) VALUES (?, ?, ?)'
    this.#db.prepare(sql).run(id, namespace, name)
  }

  /** The row has the new name, the old one leads to it. */
  finish(from: RepoRecord, to: RepoId): void {
    transact(this.#db, () => {
      const sql = 'UPDATE repos SET namespace = ?, name = ?, key = ?, owner_key = ? WHERE id = ?'
      this.#db.prepare(sql).run(to.namespace, to.name, keyOf(to), to.namespace.toLowerCase(), from.id)
      const redirect = 'INSERT OR REPLACE INTO redirects (key, repo_id) VALUES (?, ?)'
      if (keyOf(from) !== keyOf(to)) this.#db.prepare(redirect).run(keyOf(from), from.id)
      this.#db.prepare('DELETE FROM redirects WHERE key = ?').run(keyOf(to))
      this.#db.prepare('DELETE FROM moves WHERE repo_id = ?').run(from.id)
    })
  }

  cancel({ id }: RepoRecord): void {
    this.#db.prepare('DELETE FROM moves WHERE repo_id = ?').run(id)
  }

  /** Renames that a crash broke off: `repo` is still named as before, its folder may already be at `to`. */
  listUnfinished(): { repo: RepoRecord; to: RepoId }[] {
    const sql = `SELECT repos.*, moves.namespace AS to_namespace, moves.name AS to_name
      FROM moves JOIN repos ON repos.id = moves.repo_id`
    const rows = this.#db.prepare(sql).all()
    return rows.map((row) => {
      const repo = recordOf(row)
      return { repo, to: { type: repo.type, namespace: String(row.to_namespace), name: String(row.to_name) } }
    })
  }
}
