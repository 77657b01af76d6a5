/** What went wrong, in the one vocabulary that decides exit code, HTTP status and whether a retry can help. */
export type ErrorKind =
  | 'usage'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'range-not-satisfiable'
  | 'conflict'
  | 'too-large'
  | 'rate-limited'
  | 'malformed'
  | 'damaged'
  | 'integrity'
  | 'no-space'
  | 'busy'
  | 'network'
  | 'timeout'
  | 'upstream'
  | 'unsupported'
  | 'cancelled'
  | 'bug'

export interface AppErrorOptions {
  readonly data?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

export class AppError extends Error {
  override readonly name = 'AppError'
  readonly kind: ErrorKind
  /** From the documented list in docs/errors.md, such as `XORB_TRUNCATED`. */
  readonly code: string
  /** Facts for programs; never a secret. */
  readonly data: Readonly<Record<string, unknown>>

  constructor(kind: ErrorKind, code: string, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = code
    this.data = options.data ?? {}
  }
}

/** The system's own word for a failed call, such as `ENOENT`; null for anything else. */
export function systemCode(error: unknown): string | null {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined
  if (typeof code !== 'string') return null
  return /^E[A-Z0-9]+$/.test(code) ? code : (NAMELESS[code] ?? null)
}

/** What Node has no word for: a disk quota that is used up, on Linux and on macOS. */
const NAMELESS: Readonly<Record<string, string>> = {
  'Unknown system error -122': 'EDQUOT',
  'Unknown system error -69': 'EDQUOT',
}
