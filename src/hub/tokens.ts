/**
 * Keys of our server: `hf_` and 40 letters and digits, so that every client of the field takes them. Stored as SHA-256
 * only (they are random, so no slow hash is needed); found by that hash, compared in constant time, gone at once when
 * revoked.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Caller, Scope } from './caller.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const LETTERS_COUNT = 40
const NAME_LENGTH_MAX = 64
/** Last use is noted to this precision, so that reading does not write. */
const USED_PRECISION_MS = 60_000

export interface TokenInfo {
  readonly id: string
  readonly user: string
  readonly name: string
  readonly scope: Scope
  readonly createdMs: number
  readonly usedMs: number | null
}

export interface NewToken {
  /** Shown once. */
  readonly token: string
  readonly info: TokenInfo
}

type Row = Record<string, SQLOutputValue>

const SELECT = 'SELECT t.*, u.name AS user, u.admin AS admin FROM tokens t JOIN users u ON u.id = t.user_id'

export class Tokens {
  /** Uses that could not be noted, by token: tried again when they are noted the next time. */
  readonly #unnoted = new Map<string, number>()
  readonly #db: DatabaseSync
  readonly #clock: Clock

  constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  create(userId: string, { scope, name = 'default' }: { scope: Scope; name?: string | undefined }): NewToken {
    if (name === '' || name.length > NAME_LENGTH_MAX || /\p{Cc}/u.test(name)) {
      throw new AppError('usage', 'TOKEN_NAME_INVALID', `A token's name has 1 to ${NAME_LENGTH_MAX} characters`)
    }
    if (this.#db.prepare('SELECT 1 FROM tokens WHERE user_id = ? AND name = ?').get(userId, name) !== undefined) {
      throw new AppError('conflict', 'TOKEN_EXISTS', `There is a token named ${name}: revoke it or choose another name`)
    }
    const token = `hf_${randomLetters(LETTERS_COUNT)}`
    const id = randomBytes(12).toString('hex')
    const sql = 'INSERT INTO tokens (id, user_id, name, scope, hash, created_ms) VALUES (?, ?, ?, ?, ?, ?)'
    this.#db.prepare(sql).run(id, userId, name, scope, hashOf(token), this.#clock.nowMs())
    const row = this.#db.prepare(`${SELECT} WHERE t.id = ?`).get(id) as Row
    return { token, info: infoOf(row) }
  }

  list(userId?: string): TokenInfo[] {
    const where = userId === undefined ? '' : 'WHERE t.user_id = ?'
    const rows = this.#db.prepare(`${SELECT} ${where} ORDER BY u.name, t.created_ms`).all(...(userId ? [userId] : []))
    return rows.map(infoOf)
  }

  /** By id, by name of a user's token, or the token itself. Whether there was one. */
  revoke({ user, token }: { user?: string | undefined; token: string }): boolean {
    if (user === undefined) {
      return this.#db.prepare('DELETE FROM tokens WHERE id = ? OR hash = ?').run(token, hashOf(token)).changes > 0
    }
    const sql = 'DELETE FROM tokens WHERE user_id = ? AND (name = ? OR id = ? OR hash = ?)'
    return this.#db.prepare(sql).run(user, token, token, hashOf(token)).changes > 0
  }

  /** Who presents this token; null when it is none of ours or was revoked. */
  findCaller(token: string): Caller | null {
    if (!/^hf_[A-Za-z0-9]{34,253}$/.test(token)) return null
    const hash = hashOf(token)
    const row = this.#db.prepare(`${SELECT} WHERE t.hash = ?`).get(hash) as Row | undefined
    if (row === undefined || !timingSafeEqual(row.hash as Uint8Array, hash)) return null
    const nowMs = this.#clock.nowMs()
    if (row.used_ms === null || nowMs - Number(row.used_ms) > USED_PRECISION_MS) {
      noteUse(this.#db, { id: row.id as string, nowMs }, this.#unnoted)
    }
    const { name, scope, user } = infoOf(row)
    return { account: String(row.user_id), name: user, scope, tokenName: name, admin: row.admin === 1 }
  }
}

function infoOf(row: Row): TokenInfo {
  return {
    id: String(row.id),
    user: String(row.user),
    name: String(row.name),
    scope: row.scope as Scope,
    createdMs: Number(row.created_ms),
    usedMs: row.used_ms === null ? null : Number(row.used_ms),
  }
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
