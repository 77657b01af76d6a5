/**
 * Opens a SQLite file the one way we trust: WAL, synchronous=FULL (a resolved commit survives a power cut), foreign
 * keys, a busy timeout, and its migrations run. The version is SQLite's `user_version`; a newer file is refused.
 */
import { chmodSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import { explainSqlite } from '../base/sqlite-failure.ts'
import { BoundedCache } from './bounded-cache.ts'

export interface Migration {
  /** Brings the file to this version from the one below; versions count up from 1 without gaps. */
  readonly version: number
  readonly sql: string
}

const BUSY_MS = 5000
const PRIVATE = 0o600
/** SQLite's own 2 MiB are gone after a look at a catalog of a million chunks; then each look reads the file again. */
const CACHE_KIB = 4 * 1024

/** Different statements of a program; listings put theirs together from conditions. */
const STATEMENTS_MAX = 500

/**
 * Compiles each statement once: that takes longer than most of them run. Statements are shared, so they are run to their
 * end by `get`, `all` or `run`, never stepped by `iterate`.
 */
class PreparedDatabase extends DatabaseSync {
  readonly #statements = new BoundedCache<StatementSync>(STATEMENTS_MAX)

  override prepare(sql: string): StatementSync {
    const known = this.#statements.find(sql)
    if (known !== undefined) return known
    const statement = super.prepare(sql)
    this.#statements.put(sql, statement, 1)
    return statement
  }
}

export function openDatabase(path: string, migrations: readonly Migration[]): DatabaseSync {
  return explained(path, () => {
    const db = new PreparedDatabase(path, { timeout: BUSY_MS })
    try {
      // SQLite gives its log the mode of the file.
      if (path !== ':memory:') chmodSync(path, PRIVATE)
      db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON')
      db.exec(`PRAGMA cache_size=-${CACHE_KIB}`)
      migrate(db, path, migrations)
    } catch (error) {
      db.close()
      throw error
    }
    return db
  })
}

/** Runs `action` as one transaction; nothing of it stays when it throws. */
export function transact<T>(db: DatabaseSync, path: string, action: () => T): T {
  return explained(path, () => {
    db.exec('BEGIN IMMEDIATE')
    try {
      const result = action()
      db.exec('COMMIT')
      return result
    } catch (error) {
      // A full disk has rolled back already, and then ROLLBACK itself would fail and hide the reason.
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  })
}

/** SQLite's failures in our vocabulary: full disk, locked file, damaged file. */
export function explained<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw explainSqlite(error, path) ?? error
  }
}

function migrate(db: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const found = Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  const newest = migrations.at(-1)?.version ?? 0
  if (found > newest) {
    const message = `${path} has version ${found}, this program knows ${newest}: use a newer program`
    throw new AppError('unsupported', 'DATABASE_NEWER', message, { data: { found, newest } })
  }
  for (const { version, sql } of migrations) {
    if (version <= found) continue
    transact(db, path, () => db.exec(`${sql}; PRAGMA user_version = ${version}`))
  }
}
