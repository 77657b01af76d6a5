/** Who asked to read the files of a gated repository, and what came of it. */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Clock } from '../base/clock.ts'

export const REQUEST_STATUSES = ['pending', 'accepted', 'rejected'] as const
export type RequestStatus = (typeof REQUEST_STATUSES)[number]

export interface AccessRequest {
  readonly id: string
  /** Id of the user. */
  readonly account: string
  readonly user: string
  readonly status: RequestStatus
  readonly reason: string | null
  readonly createdMs: number
}

export class AccessRequests {
  readonly #db: DatabaseSync
  readonly #clock: Clock

  constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  isLetIn(repo: string, account: string): boolean {
    return this.find(repo, { account })?.status === 'accepted'
  }

  /** By the request's id, or by the user's. */
  find(
    repo: string,
    { id = null, account = null }: { id?: string | null; account?: string | null },
  ): AccessRequest | null {
    const sql = `SELECT access_requests.*, users.name AS user FROM access_requests JOIN users ON users.id = user_id
      WHERE repo_id = ? AND (access_requests.id = ? OR user_id = ?)`
    const row = this.#db.prepare(sql).get(repo, id, account)
    return row === undefined ? null : requestOf(row)
  }

  /** Newest first, from `skip` on. */
  list(repo: string, status: RequestStatus, { skip, count }: { skip: number; count: number }): AccessRequest[] {
    const sql = `SELECT access_requests.*, users.name AS user FROM access_requests JOIN users ON users.id = user_id
      WHERE repo_id = ? AND status = ? ORDER BY access_requests.rowid DESC LIMIT ? OFFSET ?`
    return this.#db.prepare(sql).all(repo, status, count, skip).map(requestOf)
  }

  /** Makes the user's request, or gives it another status. */
  put(repo: string, account: string, { status, reason }: { status: RequestStatus; reason: string | null }): void {
    const sql = `INSERT INTO access_requests (id, repo_id, user_id, status, reason, created_ms) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (repo_id, user_id) DO UPDATE SET status = excluded.status, reason = excluded.reason`
    const id = randomBytes(12).toString('hex')
    this.#db.prepare(sql).run(id, repo, account, status, reason, this.#clock.nowMs())
  }
}

function requestOf(row: Record<string, SQLOutputValue>): AccessRequest {
  return {
    id: String(row.id),
    account: String(row.user_id),
    user: String(row.user),
    status: row.status as RequestStatus,
    reason: row.reason === null ? null : String(row.reason),
    createdMs: Number(row.created_ms),
  }
}
