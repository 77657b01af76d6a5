/**
 * Who did what to what, when, from where: one line for each kind of write, in accounts.db, which lets lines neither change
 * nor go. A line is durable before the write it tells of is acknowledged. Failed logins are lines too, at most one a
 * minute for an address, with how many there were. Names only, never secrets.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Clock } from '../base/clock.ts'
import { redactText } from '../base/redact.ts'

const TEXT_LENGTH_MAX = 500
const FAILURE_EVERY_MS = 60_000
/** Addresses whose failures are counted at a time; beyond, the oldest is forgotten, its line stays. */
const ADDRESSES_MAX = 10_000

/** Who acts: what a line says besides the deed. */
export interface Actor {
  /** A name, `-` for nobody known, `local` for whoever holds the home's files. */
  readonly who: string
  readonly token: string | null
  /** An address, or `local`. */
  readonly from: string
}

export const LOCAL_ACTOR: Actor = { who: 'local', token: null, from: 'local' }

export interface Deed {
  /** Such as `repo.create`, `commit`, `login.failure`. */
  readonly action: string
  /** The repository, user or organisation. */
  readonly what: string
  readonly details?: Readonly<Record<string, unknown>>
}

export interface AuditLine extends Actor, Required<Deed> {
  readonly seq: number
  readonly atMs: number
}

export interface AuditPage {
  /** Lines at or after this moment. */
  readonly sinceMs?: number | undefined
  /** Lines after this one. */
  readonly after?: number | undefined
  readonly count: number
}

export class AuditLog {
  readonly #db: DatabaseSync
  readonly #clock: Clock
  readonly #failures = new Map<string, { untilMs: number; count: number }>()

  constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  append({ who, token, from }: Actor, { action, what, details = {} }: Deed): void {
    const sql = 'INSERT INTO audit (at_ms, who, token, action, what, origin, details) VALUES (?, ?, ?, ?, ?, ?, ?)'
    const texts = [who, token, action, what, from].map((text) => (text === null ? null : plain(text)))
    const [name, tokenName, deed, object, origin] = texts as [string, string | null, string, string, string]
    const more = redactText(JSON.stringify(details))
    this.#db.prepare(sql).run(this.#clock.nowMs(), name, tokenName, deed, object, origin, more)
  }

  loginFailed(from: string): void {
    const now = this.#clock.nowMs()
    const known = this.#failures.get(from)
    if (known !== undefined && now < known.untilMs) {
      known.count++
      return
    }
    const count = (known?.count ?? 0) + 1
    this.#failures.delete(from)
    this.#failures.set(from, { untilMs: now + FAILURE_EVERY_MS, count: 0 })
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= ADDRESSES_MAX) break
      this.#failures.delete(oldest)
    }
    this.append({ who: '-', token: null, from }, { action: 'login.failure', what: '-', details: { count } })
  }

  /** Oldest first. */
  list({ sinceMs = 0, after = 0, count }: AuditPage): AuditLine[] {
    const sql = 'SELECT * FROM audit WHERE at_ms >= ? AND seq > ? ORDER BY seq LIMIT ?'
    return this.#db.prepare(sql).all(sinceMs, after, count).map(lineOf)
  }
}

function lineOf(row: Record<string, SQLOutputValue>): AuditLine {
  return {
    seq: Number(row.seq),
    atMs: Number(row.at_ms),
    who: String(row.who),
    token: row.token === null ? null : String(row.token),
    action: String(row.action),
    what: String(row.what),
    from: String(row.origin),
    details: JSON.parse(String(row.details)) as Record<string, unknown>,
  }
}

/** One short line without control characters, so that no name forges another line. */
function plain(text: string): string {
  return redactText(text.replace(/\p{C}/gu, '?')).slice(0, TEXT_LENGTH_MAX)
}
