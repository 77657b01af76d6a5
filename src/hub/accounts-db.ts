/**
 * The tables of accounts.db: the one database that nothing else can rebuild. WAL with synchronous=FULL: what a call
 * answered is durable. Migrations run in order, each in a transaction, and are never edited.
 */
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import { COLLABORATION_SCHEMA } from './collaboration-schema.ts'

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE users (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     name_key TEXT NOT NULL UNIQUE,
     admin INTEGER NOT NULL,
     created_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE tokens (
     id TEXT PRIMARY KEY,
     user_id TEXT NOT NULL REFERENCES users(id),
     name TEXT NOT NULL,
     scope TEXT NOT NULL,
     hash BLOB NOT NULL UNIQUE,
     created_ms INTEGER NOT NULL,
     used_ms INTEGER,
     UNIQUE (user_id, name)
   ) STRICT;
   CREATE TABLE repos (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     type TEXT NOT NULL,
     namespace TEXT NOT NULL,
     name TEXT NOT NULL,
     key TEXT NOT NULL UNIQUE,
     owner_key TEXT NOT NULL,
     private INTEGER NOT NULL,
     created_ms INTEGER NOT NULL,
     settings TEXT NOT NULL
   ) STRICT;
   CREATE INDEX repos_by_owner ON repos (owner_key);
   CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
   CREATE TABLE epochs (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     name TEXT NOT NULL UNIQUE,
     reason TEXT NOT NULL,
     started_ms INTEGER NOT NULL
   ) STRICT;`,
  COLLABORATION_SCHEMA,
]

/** Opens or makes the database at `path` (`:memory:` for tests). */
export function openAccountsDb(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000')
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > MIGRATIONS.length) {
    db.close()
    throw new AppError('usage', 'ACCOUNTS_TOO_NEW', `${path} is of a newer xorbit (version ${version}): update xorbit`)
  }
  for (const [i, migration] of MIGRATIONS.entries()) {
    if (i >= version) transact(db, () => db.exec(`${migration} PRAGMA user_version = ${i + 1}`))
  }
  return db
}

/** One synchronous transaction: all of it, or none when `work` throws. */
export function transact<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
