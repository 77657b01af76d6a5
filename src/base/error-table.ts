/** What each kind of error becomes: HTTP status, exit code of the command, and whether trying again can help. */
import { AppError, type ErrorKind, systemCode } from './app-error.ts'
import { explainSqlite } from './sqlite-failure.ts'

export type Retry = 'never' | 'renew' | 'later' | 'elsewhere'

export interface ErrorOutcome {
  readonly http: number
  readonly exit: number
  readonly retry: Retry
}

export const ERROR_TABLE: Readonly<Record<ErrorKind, ErrorOutcome>> = {
  usage: { http: 400, exit: 2, retry: 'never' },
  unauthorized: { http: 401, exit: 11, retry: 'renew' },
  forbidden: { http: 403, exit: 11, retry: 'never' },
  'not-found': { http: 404, exit: 14, retry: 'never' },
  'range-not-satisfiable': { http: 416, exit: 2, retry: 'never' },
  conflict: { http: 409, exit: 18, retry: 'later' },
  'too-large': { http: 413, exit: 19, retry: 'never' },
  'rate-limited': { http: 429, exit: 12, retry: 'later' },
  malformed: { http: 400, exit: 19, retry: 'elsewhere' },
  damaged: { http: 404, exit: 13, retry: 'elsewhere' },
  integrity: { http: 400, exit: 13, retry: 'elsewhere' },
  'no-space': { http: 507, exit: 10, retry: 'never' },
  busy: { http: 503, exit: 18, retry: 'later' },
  network: { http: 502, exit: 14, retry: 'later' },
  timeout: { http: 504, exit: 14, retry: 'later' },
  upstream: { http: 502, exit: 14, retry: 'later' },
  unsupported: { http: 501, exit: 20, retry: 'never' },
  cancelled: { http: 499, exit: 130, retry: 'never' },
  bug: { http: 500, exit: 1, retry: 'never' },
}

/** Commands only: what they compared differs. */
export const EXIT_VERIFICATION_FAILED = 15

/** Codes whose HTTP status is not their kind's: the protocol says so. */
export const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  PARENT_STALE: 412,
  REPO_MOVED: 307,
  LFS_OBJECT_MISSING: 422,
  METHOD_UNKNOWN: 405,
  HEADERS_TOO_MANY: 431,
  BODY_ENCODED: 415,
  // Not the request is broken but the weights.
  ENGINE_NAN: 500,
  // What a request asks for and nothing here does is the request's fault, as OpenAI's clients see it.
  PARAMETER_UNSUPPORTED: 400,
  CONTENT_UNSUPPORTED: 400,
  TEMPLATE_MISSING: 400,
  // Whoever started the server chose the place, not who asks it.
  DATABASE_READ_ONLY: 500,
  // Not what was asked for is missing: all of it is in doubt.
  DATABASE_DAMAGED: 500,
}

const SYSTEM_CALL = 'SYSTEM_CALL_FAILED'

export function httpStatusOf(error: AppError): number {
  if (error.code === SYSTEM_CALL && error.kind === 'usage') return ERROR_TABLE.bug.http
  return STATUS_OF_CODE[error.code] ?? ERROR_TABLE[error.kind].http
}

const KIND_OF_SYSTEM_CODE: Readonly<Record<string, ErrorKind>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'too-large',
  ENAMETOOLONG: 'too-large',
  EROFS: 'usage',
  EACCES: 'usage',
  EPERM: 'usage',
  EMFILE: 'busy',
  ENFILE: 'busy',
  ECONNREFUSED: 'network',
  ECONNRESET: 'network',
  EPIPE: 'network',
  ENOTFOUND: 'network',
  EAI_AGAIN: 'network',
  ETIMEDOUT: 'timeout',
}

/** Any thrown value in our vocabulary: failed system calls and databases by their meaning, everything else as a bug. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const ofDatabase = explainSqlite(error)
  if (ofDatabase !== null) return ofDatabase
  const message = error instanceof Error ? error.message : String(error)
  const code = systemCode(error)
  const kind = code === null ? undefined : KIND_OF_SYSTEM_CODE[code]
  if (kind !== undefined) return new AppError(kind, SYSTEM_CALL, message, { cause: error, data: { code } })
  if (error instanceof Error && error.name === 'AbortError') {
    return new AppError('cancelled', 'CANCELLED', 'Cancelled', { cause: error })
  }
  return new AppError('bug', 'BUG', message, { cause: error })
}
