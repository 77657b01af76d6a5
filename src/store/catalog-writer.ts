/**
 * Every statement that changes catalog.db. Synchronous: whoever calls it stands still until the disk has made durable
 * what is committed. Units that are committed together share one transaction; when that fails, each is tried by itself.
 */
import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { Batch, Removal, Takeback } from './catalog.ts'
import type { Change, Committer, Outcome, Unit } from './catalog-change.ts'
import { CATALOG_0001 } from './migrations/0001-catalog.ts'
import { openDatabase, transact } from './sqlite-database.ts'

const MIGRATIONS = [CATALOG_0001]
/** More would hold the thread for longer than a commit takes. */
const INLINE_ROWS_AT_ONCE = 1_000

const PUT_RECORD = 'INSERT INTO records VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value'
const PUT_REFERENCE = 'INSERT OR IGNORE INTO refs (target, source) VALUES (?, ?)'
const PUT_ENTRY = 'INSERT OR IGNORE INTO entries VALUES (?, ?, ?)'
const PUT_LEASE = `INSERT INTO leases VALUES (?, ?, ?)
  ON CONFLICT DO UPDATE SET until = excluded.until WHERE excluded.until > until`
const DROP_RECORD = 'DELETE FROM records WHERE kind = ? AND key = ?'
const DROP_REFERENCE = 'DELETE FROM refs WHERE target = ? AND source = ?'
const DROP_ENTRY = 'DELETE FROM entries WHERE kind = ? AND key = ? AND value = ?'
const IS_HELD = `SELECT 1 WHERE EXISTS (SELECT 1 FROM refs WHERE target = ?)
  OR EXISTS (SELECT 1 FROM leases WHERE target = ? AND until > ?)`

export function openCatalogDatabase(path: string): DatabaseSync {
  return openDatabase(path, MIGRATIONS)
}

export class CatalogWriter {
  readonly #db: DatabaseSync
  readonly #path: string

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.#path = path
  }

  /** Durable when it returns, each unit wholly or not at all; an outcome for each. */
  commit(units: readonly Unit[]): readonly Outcome[] {
    // One of them may be at fault, or all: the second attempt tells each its own reason.
    return (units.length > 1 ? this.#commitTogether(units) : null) ?? units.map((unit) => this.#commitAlone(unit))
  }

  #commitTogether(units: readonly Unit[]): readonly Outcome[] | null {
    try {
      return transact(this.#db, this.#path, () => units.map((unit) => ({ removed: this.#apply(unit) })))
    } catch (error) {
      // Who holds the file holds it against each of them, and each would wait as long.
      if (error instanceof AppError && error.kind === 'busy') return units.map(() => ({ error }))
      if (error instanceof Error) return null
      throw error
    }
  }

  #commitAlone(unit: Unit): Outcome {
    try {
      return { removed: transact(this.#db, this.#path, () => this.#apply(unit)) }
    } catch (error) {
      return { error }
    }
  }

  #apply(unit: Unit): string[] {
    return unit.flatMap((change) => {
      if (change.verb === 'removeFree') return change.removals.filter((one) => this.#removeIfFree(one)).map(nameOf)
      if (change.verb === 'write') this.#put(change.batch)
      else this.#take(change.what)
      return []
    })
  }

  #put({ records = [], references = [], leases = [], index = [] }: Batch): void {
    for (const { kind, key, value } of records) this.#db.prepare(PUT_RECORD).run(kind, key, value)
    for (const { from, to } of references) this.#db.prepare(PUT_REFERENCE).run(to, from)
    for (const { holder, target, untilSeconds } of leases) this.#db.prepare(PUT_LEASE).run(holder, target, untilSeconds)
    for (const { kind, key, value } of index) this.#db.prepare(PUT_ENTRY).run(kind, key, value)
  }

  #take({ references = [], records = [] }: Takeback): void {
    for (const { from, to } of references) this.#db.prepare(DROP_REFERENCE).run(to, from)
    for (const { kind, key } of records) this.#db.prepare(DROP_RECORD).run(kind, key)
  }

  #removeIfFree({ name, leasesAfter, records = [], index = [], put = [] }: Removal): boolean {
    if (this.#db.prepare(IS_HELD).get(name, name, leasesAfter) !== undefined) return false
    this.#take({ records })
    for (const { kind, key, value } of index) this.#db.prepare(DROP_ENTRY).run(kind, key, value)
    this.#put({ records: put })
    this.#db.prepare('DELETE FROM refs WHERE source = ?').run(name)
    this.#db.prepare('DELETE FROM leases WHERE target = ?').run(name)
    return true
  }
}

/** Commits where it is called, on the connection that is read from too. Closing it is the reader's. */
export function inlineCommitter(db: DatabaseSync, path: string): Committer {
  const writer = new CatalogWriter(db, path)
  return {
    rowsAtOnce: INLINE_ROWS_AT_ONCE,
    admit: () => undefined,
    commit: async (changes: readonly Change[]) => writer.commit(changes.map((change) => [change])),
    close: async () => undefined,
  }
}

function nameOf({ name }: Removal): string {
  return name
}
