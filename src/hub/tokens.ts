/**
 * Keys of our server: `hf_` and 40 letters and digits, so that every client of the field takes them. Stored as SHA-256
 * only (they are random, so no slow hash is needed); found by that hash, compared in constant time, gone at once when
 * revoked or ended. A token may be for some repositories only: then it is an account of its own (`TOKEN_ACCOUNT` and its
 * id), which has no part in what its user may read or uploaded besides.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Caller, Scope } from './caller.ts'
import type { Organisations } from './organisations.ts'
import { formatTypedRepoId, type RepoId } from './repo-id.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const LETTERS_COUNT = 40
const NAME_LENGTH_MAX = 64
/** Last use is noted to this precision, so that reading does not write. */
const USED_PRECISION_MS = 60_000
const REPOS_MAX = 100
/** Ids of accounts are hexadecimal: none begins so. */
const TOKEN_ACCOUNT = 't'

export interface TokenInfo {
  readonly id: string
  /** The user, or the organisation whose robot it is. */
  readonly user: string
  readonly name: string
  readonly scope: Scope
  readonly createdMs: number
  readonly usedMs: number | null
  readonly expiresMs: number | null
  /** The only repositories it is for, as `NS/NAME` or `datasets/NS/NAME`; null for all. */
  readonly repos: readonly string[] | null
}

export interface NewToken {
  /** Shown once. */
  readonly token: string
  readonly info: TokenInfo
}

export interface TokenOptions {
  readonly scope: Scope
  readonly name?: string | undefined
  /** Opaque ids of the only repositories it is for. */
  readonly repos?: readonly string[] | undefined
  readonly expiresMs?: number | undefined
}

type Row = Record<string, SQLOutputValue>

const SELECT = `SELECT t.*, u.name AS user, u.admin AS admin, u.kind AS kind
  FROM tokens t JOIN users u ON u.id = t.user_id`

export class Tokens {
  /** Uses that could not be noted, by token: tried again when they are noted the next time. */
  readonly #unnoted = new Map<string, number>()
  readonly #db: DatabaseSync
  readonly #clock: Clock
  readonly #orgs: Organisations

  constructor(db: DatabaseSync, clock: Clock, orgs: Organisations) {
    this.#db = db
    this.#clock = clock
    this.#orgs = orgs
  }

  /** Within a transaction of the caller. */
  create(userId: string, { scope, name = 'default', repos, expiresMs }: TokenOptions): NewToken {
    if (name === '' || name.length > NAME_LENGTH_MAX || /\p{Cc}/u.test(name)) {
      throw new AppError('usage', 'TOKEN_NAME_INVALID', `A token's name has 1 to ${NAME_LENGTH_MAX} characters`)
    }
    if (this.#db.prepare('SELECT 1 FROM tokens WHERE user_id = ? AND name = ?').get(userId, name) !== undefined) {
      throw new AppError('conflict', 'TOKEN_EXISTS', `There is a token named ${name}: revoke it or choose another name`)
    }
    if (repos !== undefined) checkLimits(scope, repos)
    const token = `hf_${randomLetters(LETTERS_COUNT)}`
    const id = randomBytes(12).toString('hex')
    const sql = `INSERT INTO tokens (id, user_id, name, scope, hash, created_ms, expires_ms, restricted)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
    const limits = [expiresMs ?? null, repos === undefined ? 0 : 1]
    this.#db.prepare(sql).run(id, userId, name, scope, hashOf(token), this.#clock.nowMs(), ...limits)
    const link = this.#db.prepare('INSERT INTO token_repos (token_id, repo_id) VALUES (?, ?)')
    for (const repo of new Set(repos)) link.run(id, repo)
    return { token, info: this.#infoOf(this.#db.prepare(`${SELECT} WHERE t.id = ?`).get(id) as Row) }
  }

  list(userId?: string): TokenInfo[] {
    const where = userId === undefined ? '' : 'WHERE t.user_id = ?'
    const rows = this.#db.prepare(`${SELECT} ${where} ORDER BY u.name, t.created_ms`).all(...(userId ? [userId] : []))
    return rows.map((row) => this.#infoOf(row))
  }

  /** The token of this id, by name of a user's token, or the token itself; null when there is none. */
  find({ user, token }: { user?: string | undefined; token: string }): TokenInfo | null {
    const hash = hashOf(token)
    const row =
      user === undefined
        ? this.#db.prepare(`${SELECT} WHERE t.id = ? OR t.hash = ?`).get(token, hash)
        : this.#db
            .prepare(`${SELECT} WHERE t.user_id = ? AND (t.name = ? OR t.id = ? OR t.hash = ?)`)
            .get(user, token, token, hash)
    return row === undefined ? null : this.#infoOf(row)
  }

  delete(id: string): void {
    this.#db.prepare('DELETE FROM tokens WHERE id = ?').run(id)
  }

  deleteAllOf(userId: string): void {
    this.#db.prepare('DELETE FROM tokens WHERE user_id = ?').run(userId)
  }

  /** Who presents this token; null when it is none of ours, was revoked or has ended. */
  findCaller(token: string): Caller | null {
    if (!/^hf_[A-Za-z0-9]{34,253}$/.test(token)) return null
    const hash = hashOf(token)
    const row = this.#db.prepare(`${SELECT} WHERE t.hash = ?`).get(hash) as Row | undefined
    if (row === undefined || !timingSafeEqual(row.hash as Uint8Array, hash)) return null
    const nowMs = this.#clock.nowMs()
    if (hasEnded(row, nowMs)) return null
    if (row.used_ms === null || nowMs - Number(row.used_ms) > USED_PRECISION_MS) {
      noteUse(this.#db, { id: row.id as string, nowMs }, this.#unnoted)
    }
    return this.#callerOf(row)
  }

  /** Whether a token of this id is still good. */
  isGood(id: string): boolean {
    const row = this.#db.prepare('SELECT expires_ms FROM tokens WHERE id = ?').get(id) as Row | undefined
    return row !== undefined && !hasEnded(row, this.#clock.nowMs())
  }

  /** Who stands behind the account of a token for some repositories; null when the token is gone. */
  findByAccount(account: string): Caller | null {
    if (!account.startsWith(TOKEN_ACCOUNT)) return null
    const id = account.slice(TOKEN_ACCOUNT.length)
    const row = this.#db.prepare(`${SELECT} WHERE t.id = ? AND t.restricted = 1`).get(id)
    return row === undefined || hasEnded(row, this.#clock.nowMs()) ? null : this.#callerOf(row)
  }

  #callerOf(row: Row): Caller {
    const user = { id: String(row.user_id), name: String(row.user), kind: String(row.kind) }
    const facts = {
      user: user.id,
      name: user.name,
      scope: row.scope as Scope,
      tokenName: String(row.name),
      tokenId: String(row.id),
      expiresMs: msOf(row.expires_ms),
    }
    const roles = this.#orgs.rolesOf(user)
    const isAdmin = row.admin === 1
    if (row.restricted !== 1) return { account: user.id, ...facts, admin: isAdmin, roles, only: null }
    const repos = this.#reposOf(String(row.id))
    // Who runs the server has a say in every namespace, but this token only in those of its repositories.
    const all = isAdmin ? repos.map(({ namespace }) => ({ namespace, role: 'admin' as const })) : roles
    const only = new Set(repos.map(({ id }) => id))
    return { account: `${TOKEN_ACCOUNT}${row.id}`, ...facts, admin: false, roles: all, only }
  }

  #reposOf(token: string): (RepoId & { readonly id: string })[] {
    const sql = 'SELECT r.* FROM token_repos t JOIN repos r ON r.id = t.repo_id WHERE t.token_id = ? ORDER BY r.key'
    return this.#db
      .prepare(sql)
      .all(token)
      .map(({ id, type, namespace, name }) => ({
        ...{ id: String(id), type: type as RepoId['type'] },
        ...{ namespace: String(namespace), name: String(name) },
      }))
  }

  #infoOf(row: Row): TokenInfo {
    return {
      id: String(row.id),
      user: String(row.user),
      name: String(row.name),
      scope: row.scope as Scope,
      createdMs: Number(row.created_ms),
      usedMs: msOf(row.used_ms),
      expiresMs: msOf(row.expires_ms),
      repos: row.restricted === 1 ? this.#reposOf(String(row.id)).map(formatTypedRepoId) : null,
    }
  }
}

function checkLimits(scope: Scope, repos: readonly string[]): void {
  if (scope !== 'read' && scope !== 'write') {
    throw new AppError('usage', 'TOKEN_LIMITS_INVALID', 'A token for some repositories has scope read or write')
  }
  if (repos.length === 0 || repos.length > REPOS_MAX) {
    throw new AppError('usage', 'TOKEN_LIMITS_INVALID', `A token names 1 to ${REPOS_MAX} repositories, or none at all`)
  }
}

function hasEnded({ expires_ms }: Row, nowMs: number): boolean {
  return expires_ms !== null && Number(expires_ms) <= nowMs
}

function msOf(value: SQLOutputValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Uniform: bytes that would favour the first letters are thrown away. */
function randomLetters(count: number): string {
  const limit = 256 - (256 % LETTERS.length)
  let text = ''
  while (text.length < count) {
    for (const byte of randomBytes(count)) {
      if (byte < limit && text.length < count) text += LETTERS[byte % LETTERS.length]
    }
  }
  return text
}

/** Best effort: a disk that is full must not turn away those who read. Tried once per while, as it may take long. */
function noteUse(db: DatabaseSync, { id, nowMs }: { id: string; nowMs: number }, unnoted: Map<string, number>): void {
  if (nowMs - (unnoted.get(id) ?? 0) <= USED_PRECISION_MS) return
  try {
    db.prepare('UPDATE tokens SET used_ms = ? WHERE id = ?').run(nowMs, id)
    unnoted.delete(id)
  } catch (error) {
    if (typeof (error as { errcode?: unknown }).errcode !== 'number') throw error
    unnoted.set(id, nowMs)
  }
}
