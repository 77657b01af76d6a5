/** SQLite's failures in our vocabulary: full disk, failing disk, locked file, damaged file. */
import { AppError } from './app-error.ts'

const SQLITE_BUSY = 5
const SQLITE_READ_ONLY = 8
const SQLITE_IO_ERROR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOT_A_DATABASE = 26

/** Null when the error is none of SQLite's, or one that only a bug brings. */
export function explainSqlite(error: unknown, path = 'a database'): AppError | null {
  const code = (error as { errcode?: unknown } | null)?.errcode
  if (typeof code !== 'number') return null
  const options = { cause: error, data: { sqlite: code } }
  // The low byte is the family; the rest says more, such as which I/O call failed.
  switch (code & 0xff) {
    case SQLITE_FULL:
      return new AppError('no-space', 'DATABASE_FULL', `No space left to write ${path}`, options)
    case SQLITE_BUSY:
      return new AppError('busy', 'DATABASE_BUSY', `${path} is held by another process`, options)
    case SQLITE_READ_ONLY:
      return new AppError(
        'usage',
        'DATABASE_READ_ONLY',
        `${path} must not be written: see its rights and its mount`,
        options,
      )
    case SQLITE_CORRUPT:
    case SQLITE_NOT_A_DATABASE:
      return new AppError('damaged', 'DATABASE_DAMAGED', `${path} is no sound database: rebuild or restore it`, options)
    case SQLITE_IO_ERROR:
      return new AppError('no-space', 'DATABASE_IO', `The disk refused to read or write ${path}`, options)
    default:
      return null
  }
}
