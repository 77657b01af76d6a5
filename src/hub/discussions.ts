/**
 * Discussions and pull requests as rows: numbers, titles, states, and what was said. What a pull request changes is in
 * git, under `refs/pr/NUMBER`. Numbers are given out in the repository's queue.
 */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Clock } from '../base/clock.ts'
import { type Oid, parseOid } from '../git/oid.ts'
import { transact } from './accounts-db.ts'
import type { Caller } from './caller.ts'

export type DiscussionStatus = 'draft' | 'open' | 'closed' | 'merged'

export interface Discussion {
  readonly repo: string
  readonly num: number
  readonly title: string
  readonly status: DiscussionStatus
  readonly isPull: boolean
  /** Id of its author, and the author's name. */
  readonly account: string
  readonly author: string
  readonly createdMs: number
  /** Once merged: where it began, and the commit on the branch. */
  readonly base: Oid | null
  readonly merge: Oid | null
}

export interface DiscussionEvent {
  readonly id: string
  readonly type: 'comment' | 'status-change' | 'title-change'
  readonly account: string
  readonly author: string
  readonly createdMs: number
  readonly data: Readonly<Record<string, unknown>>
}

export interface NewDiscussion {
  readonly num: number
  readonly title: string
  readonly description: string
  readonly status: DiscussionStatus
  readonly isPull: boolean
}

export interface DiscussionFilter {
  readonly isPull: boolean | null
  readonly statuses: readonly DiscussionStatus[] | null
  readonly author: string | null
  readonly skip: number
  readonly count: number
}

export class Discussions {
  readonly #db: DatabaseSync
  readonly #clock: Clock

  constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  lastNumber(repo: string): number {
    return Number(this.#db.prepare('SELECT MAX(num) AS last FROM discussions WHERE repo_id = ?').get(repo)?.last ?? 0)
  }

  find(repo: string, num: number): Discussion | null {
    const row = this.#db.prepare('SELECT * FROM discussions WHERE repo_id = ? AND num = ?').get(repo, num)
    return row === undefined ? null : discussionOf(row)
  }

  /** With its first comment, the description. */
  insert(caller: Caller, repo: string, { num, title, description, status, isPull }: NewDiscussion): Discussion {
    return transact(this.#db, () => {
      const sql = `INSERT INTO discussions (repo_id, num, title, status, is_pull, account, author, created_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
      const author = caller.name ?? ''
      this.#db.prepare(sql).run(repo, num, title, status, isPull ? 1 : 0, caller.account, author, this.#clock.nowMs())
      this.addEvent(caller, { repo, num }, { type: 'comment', data: { raw: description, history: [] } })
      return this.find(repo, num) as Discussion
    })
  }

  /** Newest first, and how many there are in all. */
  list(repo: string, { isPull, statuses, author, skip, count }: DiscussionFilter) {
    const where = `repo_id = ? AND (? IS NULL OR is_pull = ?) AND (? IS NULL OR lower(author) = lower(?))
      AND (? IS NULL OR status IN (SELECT value FROM json_each(?)))`
    const pull = isPull === null ? null : Number(isPull)
    const states = statuses === null ? null : JSON.stringify(statuses)
    const values = [repo, pull, pull, author, author, states, states] as const
    const total = this.#db.prepare(`SELECT COUNT(*) AS total FROM discussions WHERE ${where}`).get(...values)?.total
    const sql = `SELECT * FROM discussions WHERE ${where} ORDER BY num DESC LIMIT ? OFFSET ?`
    const rows = this.#db.prepare(sql).all(...values, count, skip)
    return { discussions: rows.map(discussionOf), total: Number(total) }
  }

  addEvent(
    caller: Caller,
    { repo, num }: Pick<Discussion, 'repo' | 'num'>,
    { type, data }: Pick<DiscussionEvent, 'type' | 'data'>,
  ): DiscussionEvent {
    const id = randomBytes(12).toString('hex')
    const sql = `INSERT INTO discussion_events (id, repo_id, num, type, account, author, created_ms, data)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
    const text = JSON.stringify(data)
    this.#db.prepare(sql).run(id, repo, num, type, caller.account, caller.name ?? '', this.#clock.nowMs(), text)
    return this.findEvent({ repo, num }, id) as DiscussionEvent
  }

  findEvent({ repo, num }: Pick<Discussion, 'repo' | 'num'>, id: string): DiscussionEvent | null {
    const sql = 'SELECT * FROM discussion_events WHERE repo_id = ? AND num = ? AND id = ?'
    const row = this.#db.prepare(sql).get(repo, num, id)
    return row === undefined ? null : eventOf(row)
  }

  listEvents({ repo, num }: Discussion): DiscussionEvent[] {
    const sql = 'SELECT * FROM discussion_events WHERE repo_id = ? AND num = ? ORDER BY seq'
    return this.#db.prepare(sql).all(repo, num).map(eventOf)
  }

  /** The comment reads `raw` from now on; what it read before stays in its history. */
  editComment(event: DiscussionEvent, change: { raw?: string; hidden?: boolean }): void {
    const { raw, history, ...rest } = event.data as { raw: string; history: readonly unknown[] }
    const past = change.raw === undefined ? history : [...history, { raw, updatedAt: this.#clock.nowMs() }]
    const data = { ...rest, raw: change.raw ?? raw, history: past, ...(change.hidden ? { hidden: true } : {}) }
    this.#db.prepare('UPDATE discussion_events SET data = ? WHERE id = ?').run(JSON.stringify(data), event.id)
  }

  setTitle(caller: Caller, discussion: Discussion, title: string): DiscussionEvent {
    const { repo, num } = discussion
    return transact(this.#db, () => {
      this.#db.prepare('UPDATE discussions SET title = ? WHERE repo_id = ? AND num = ?').run(title, repo, num)
      return this.addEvent(caller, discussion, { type: 'title-change', data: { from: discussion.title, to: title } })
    })
  }

  /** `merged` comes with where the pull request began and the commit that joined it. */
  setStatus(
    caller: Caller,
    discussion: Discussion,
    status: DiscussionStatus,
    merged: { base: Oid; merge: Oid } | null = null,
  ): DiscussionEvent {
    const { repo, num } = discussion
    return transact(this.#db, () => {
      const sql = 'UPDATE discussions SET status = ?, base_oid = ?, merge_oid = ? WHERE repo_id = ? AND num = ?'
      this.#db.prepare(sql).run(status, merged?.base ?? null, merged?.merge ?? null, repo, num)
      return this.addEvent(caller, discussion, { type: 'status-change', data: { status } })
    })
  }
}

function discussionOf(row: Record<string, SQLOutputValue>): Discussion {
  return {
    repo: String(row.repo_id),
    num: Number(row.num),
    title: String(row.title),
    status: row.status as DiscussionStatus,
    isPull: row.is_pull === 1,
    account: String(row.account),
    author: String(row.author),
    createdMs: Number(row.created_ms),
    base: row.base_oid === null ? null : parseOid(String(row.base_oid)),
    merge: row.merge_oid === null ? null : parseOid(String(row.merge_oid)),
  }
}

function eventOf(row: Record<string, SQLOutputValue>): DiscussionEvent {
  return {
    id: String(row.id),
    type: row.type as DiscussionEvent['type'],
    account: String(row.account),
    author: String(row.author),
    createdMs: Number(row.created_ms),
    data: JSON.parse(String(row.data)) as Record<string, unknown>,
  }
}
