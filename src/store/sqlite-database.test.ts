import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { explained, openDatabase, transact } from './sqlite-database.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-database-'))
let count = 0
const freshPath = () => join(scratch, `${count++}.db`)
afterAll(() => rm(scratch, { recursive: true }))

const TABLE = [{ version: 1, sql: 'CREATE TABLE t (bytes BLOB)' }]
const ROW = new Uint8Array(100_000)
const rowsOf = (db: DatabaseSync) => db.prepare('SELECT count(*) AS rows FROM t').get()?.rows

test('a database that another process writes is busy', () => {
  const path = freshPath()
  const db = openDatabase(path, TABLE)
  db.exec('BEGIN IMMEDIATE')
  const other = new DatabaseSync(path, { timeout: 0 })
  const busy = expect.objectContaining({ kind: 'busy', code: 'DATABASE_BUSY' })
  expect(() => transact(other, path, () => other.prepare('INSERT INTO t VALUES (?)').run(ROW))).toThrow(busy)
  db.exec('ROLLBACK')
  transact(other, path, () => other.prepare('INSERT INTO t VALUES (?)').run(ROW))
  expect(rowsOf(db)).toBe(1)
  other.close()
  db.close()
})

test('a full disk is told as one, and nothing of the transaction stays', () => {
  const path = freshPath()
  const db = openDatabase(path, TABLE)
  db.exec('PRAGMA max_page_count = 20')
  const insert = () => db.prepare('INSERT INTO t VALUES (?)').run(ROW)
  const full = expect.objectContaining({ kind: 'no-space', code: 'DATABASE_FULL' })
  expect(() => transact(db, path, insert)).toThrow(full)
  expect(rowsOf(db)).toBe(0)
  db.close()
})

/** Inserts rows until it cannot and prints the code: to be run with a limit on the size of files. */
const WRITER = `
  import { openDatabase, transact } from ${JSON.stringify(new URL('./sqlite-database.ts', import.meta.url).href)}
  const path = process.argv.at(-1)
  const db = openDatabase(path, ${JSON.stringify(TABLE)})
  try {
    for (let i = 0; i < 100; i++) transact(db, path, () => db.prepare('INSERT INTO t VALUES (?)').run(new Uint8Array(1e5)))
  } catch (error) {
    console.log(error.kind, error.code)
  }
`

test('a disk that refuses a write is told as one', async () => {
  const limited = 'ulimit -f 1000; exec "$0" "$@"'
  const args = ['-c', limited, process.execPath, '--input-type=module', '--eval', WRITER, freshPath()]
  const { stdout } = await promisify(execFile)('sh', args)
  expect(stdout.trim()).toBe('no-space DATABASE_IO')
})

test('other failures pass as they are', () => {
  const wrong = new RangeError('x')
  const attempt = () =>
    explained('x', () => {
      throw wrong
    })
  expect(attempt).toThrow(wrong)
})
