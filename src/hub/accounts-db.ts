/**
 * The tables of accounts.db: the one database that nothing else can rebuild. WAL with synchronous=FULL: what a call
 * answered is durable. Migrations run in order, each in a transaction, and are never edited.
 */
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase, transact as transactIn } from '../store/sqlite-database.ts'
import { COLLABORATION_SCHEMA } from './collaboration-schema.ts'
import { AUDIT } from './migrations/audit.ts'
import { FIRST } from './migrations/first.ts'
import { LISTING_INDEXES } from './migrations/listing-indexes.ts'
import { ORGANISATIONS } from './migrations/organisations.ts'
import { REPO_USAGE } from './migrations/repo-usage.ts'
import { TOKEN_LIMITS } from './migrations/token-limits.ts'

/** What is at place N makes a database of version N + 1 out of one of version N. */
const MIGRATIONS: readonly string[] = [
  ...[FIRST, COLLABORATION_SCHEMA],
  ...[ORGANISATIONS, TOKEN_LIMITS, AUDIT, REPO_USAGE, LISTING_INDEXES],
]

/** Opens or makes the database at `path` (`:memory:` for tests). */
export function openAccountsDb(path: string): DatabaseSync {
  const migrations = MIGRATIONS.map((sql, i) => ({ version: i + 1, sql }))
  return openDatabase(path, migrations)
}

/** One synchronous transaction: all of it, or none when `work` throws. Inside of another it is part of that. */
export function transact<T>(db: DatabaseSync, work: () => T): T {
  return db.isTransaction ? work() : transactIn(db, db.location() ?? ':memory:', work)
}
