/** What an outbound request met, in our vocabulary: a refused status, a broken connection, a certificate, a proxy. */
import { AppError, type ErrorKind } from './app-error.ts'
import { parseRetryAfter } from './retry.ts'

export interface FailedReply {
  readonly status: number
  readonly header: (name: string) => string | undefined
  /** The first bytes of the body as text. */
  readonly text: string
}

const KIND_OF_STATUS: Readonly<Record<number, readonly [ErrorKind, string]>> = {
  401: ['unauthorized', 'UNAUTHORIZED'],
  403: ['forbidden', 'FORBIDDEN'],
  404: ['not-found', 'NOT_FOUND'],
  407: ['unauthorized', 'PROXY_REFUSED'],
  408: ['timeout', 'UPSTREAM_TIMEOUT'],
  409: ['conflict', 'CONFLICT'],
  410: ['not-found', 'NOT_FOUND'],
  412: ['conflict', 'PARENT_STALE'],
  413: ['too-large', 'TOO_LARGE'],
  416: ['range-not-satisfiable', 'RANGE_NOT_SATISFIABLE'],
  429: ['rate-limited', 'RATE_LIMITED'],
  501: ['unsupported', 'NOT_IMPLEMENTED'],
  503: ['busy', 'UPSTREAM_BUSY'],
  504: ['timeout', 'UPSTREAM_TIMEOUT'],
  507: ['no-space', 'UPSTREAM_FULL'],
}

const HUB_CODES: Readonly<Record<string, string>> = {
  RepoNotFound: 'REPO_NOT_FOUND',
  RevisionNotFound: 'REVISION_NOT_FOUND',
  EntryNotFound: 'ENTRY_NOT_FOUND',
  GatedRepo: 'REPO_GATED',
}

/** A status of 400 or more as an error. `where` names method and address, without any query. */
export function statusError(where: string, reply: FailedReply, nowMs: number): AppError {
  const hubCode = reply.header('x-error-code')
  const body = errorBody(reply.text)
  const [kind, plainCode] = damageOf(body) ?? KIND_OF_STATUS[reply.status] ?? defaultOf(reply.status)
  const code = (hubCode === undefined ? undefined : HUB_CODES[hubCode]) ?? plainCode
  const said = printable(reply.header('x-error-message') ?? body.error ?? body.message ?? '')
  const retryAfterMs = reply.status === 429 || reply.status === 503 ? askedDelayMs(reply, nowMs) : null
  const later = retryAfterMs === null ? '' : `; it asks to wait ${Math.ceil(retryAfterMs / 1000)} s`
  const data = {
    status: reply.status,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(reply.header('x-request-id') === undefined ? {} : { requestId: printable(reply.header('x-request-id') ?? '') }),
  }
  return new AppError(kind, code, `${where} answered ${reply.status}${said ? `: ${said}` : ''}${later}`, { data })
}

function defaultOf(status: number): readonly [ErrorKind, string] {
  return status >= 500 ? ['upstream', 'UPSTREAM_FAILED'] : ['usage', 'REQUEST_REFUSED']
}

/** `RateLimit: "api";r=0;t=120` as the Hub sends it, else `Retry-After`. */
function askedDelayMs({ header }: FailedReply, nowMs: number): number | null {
  const limit = /;\s*r=0\b.*?;\s*t=(\d+)/.exec(header('ratelimit') ?? '')
  return limit === null ? parseRetryAfter(header('retry-after'), nowMs) : (Number(limit[1]) + 1) * 1000
}

/** A server of our kind says 404 for stored bytes that it found damaged, and names the damage. */
function damageOf({ code }: ErrorBody): readonly [ErrorKind, string] | null {
  return code !== undefined && /^[A-Z]+(_[A-Z]+)*_(DAMAGED|LOST)$/.test(code) ? ['damaged', code] : null
}

interface ErrorBody {
  readonly error?: string
  readonly message?: string
  readonly code?: string
}

function errorBody(text: string): ErrorBody {
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null
    const texts = Object.entries(value ?? {}).filter(([, field]) => typeof field === 'string')
    return Object.fromEntries(texts)
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, 500)
}

const TLS_CODES = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|HOSTNAME_MISMATCH|INVALID_CA)/

/** What undici or a socket threw. Errors of our own pass as they are. */
export function connectionError(where: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  const error = firstOf(thrown)
  const code = String((error as { code?: unknown }).code ?? '')
  const reason = printable(error.message)
  const options = { cause: thrown, data: code ? { code } : {} }
  if (/\(407\)/.test(reason)) {
    return new AppError('unauthorized', 'PROXY_REFUSED', `${where}: the proxy asks for credentials (407)`, options)
  }
  if (TLS_CODES.test(code)) {
    const hint = 'give the authority with SSL_CERT_FILE or --ca-cert if you trust it'
    const data = { code, permanent: true }
    return new AppError('network', 'TLS_REFUSED', `${where}: ${reason}; ${hint}`, { cause: thrown, data })
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new AppError('malformed', 'REPLY_HEADERS_TOO_LARGE', `${where}: the reply's headers are too large`, options)
  }
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return new AppError('timeout', 'CONNECT_TIMEOUT', `${where}: ${reason}`, options)
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code)) {
    return new AppError('network', 'CONNECTION_FAILED', `${where}: ${reason || code}`, options)
  }
  return new AppError('network', 'CONNECTION_LOST', `${where}: ${reason || code}`, options)
}

/** Of several addresses that were tried, the first one's trouble; and what a wrapper hides. */
function firstOf(thrown: unknown): Error {
  if (thrown instanceof AggregateError && thrown.errors[0] instanceof Error) return thrown.errors[0]
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
