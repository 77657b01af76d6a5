/**
 * The tables of accounts.db: the one database that nothing else can rebuild. WAL with synchronous=FULL: what a call
 * answered is durable. Migrations run in order, each in a transaction, and are never edited.
 */
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import { COLLABORATION_SCHEMA } from './collaboration-schema.ts'
import { AUDIT } from './migrations/audit.ts'
import { FIRST } from './migrations/first.ts'
import { ORGANISATIONS } from './migrations/organisations.ts'
import { REPO_USAGE } from './migrations/repo-usage.ts'
import { TOKEN_LIMITS } from './migrations/token-limits.ts'

/** What is at place N makes a database of version N + 1 out of one of version N. */
const MIGRATIONS: readonly string[] = [
  ...[FIRST, COLLABORATION_SCHEMA],
  ...[ORGANISATIONS, TOKEN_LIMITS, AUDIT, REPO_USAGE],
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
