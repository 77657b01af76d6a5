/**
 * The tables of accounts.db: the one database that nothing else can rebuild. WAL with synchronous=FULL: what a call
 * answered is durable. Migrations run in order, each in a transaction, and are never edited.
 */
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase, transact as transactIn } from '../store/sqlite-database.ts'
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
  const migrations = MIGRATIONS.map((sql, i) => ({ version: i + 1, sql }))
  return openDatabase(path, migrations)
}

/** One synchronous transaction: all of it, or none when `work` throws. */
export function transact<T>(db: DatabaseSync, work: () => T): T {
  return transactIn(db, db.location() ?? ':memory:', work)
}
