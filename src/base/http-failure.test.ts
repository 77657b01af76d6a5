import { expect, test } from 'vitest'
import { connectionError, statusError } from './http-failure.ts'

function failed(status: number, headers: Readonly<Record<string, string>> = {}, text = '') {
  return statusError('GET http://hub/x', { status, header: (name) => headers[name.toLowerCase()], text }, 0)
}

test.each([
  [400, 'usage', 'REQUEST_REFUSED'],
  [401, 'unauthorized', 'UNAUTHORIZED'],
  [403, 'forbidden', 'FORBIDDEN'],
  [404, 'not-found', 'NOT_FOUND'],
  [407, 'unauthorized', 'PROXY_REFUSED'],
  [408, 'timeout', 'UPSTREAM_TIMEOUT'],
  [409, 'conflict', 'CONFLICT'],
  [410, 'not-found', 'NOT_FOUND'],
  [412, 'conflict', 'PARENT_STALE'],
  [413, 'too-large', 'TOO_LARGE'],
  [416, 'range-not-satisfiable', 'RANGE_NOT_SATISFIABLE'],
  [418, 'usage', 'REQUEST_REFUSED'],
  [429, 'rate-limited', 'RATE_LIMITED'],
  [500, 'upstream', 'UPSTREAM_FAILED'],
  [501, 'unsupported', 'NOT_IMPLEMENTED'],
  [502, 'upstream', 'UPSTREAM_FAILED'],
  [503, 'busy', 'UPSTREAM_BUSY'],
  [504, 'timeout', 'UPSTREAM_TIMEOUT'],
])('status %d is %s, %s', (status, kind, code) => {
  expect(failed(status)).toMatchObject({ kind, code, data: { status } })
})

test.each([
  ['RepoNotFound', 401, 'unauthorized', 'REPO_NOT_FOUND'],
  ['RevisionNotFound', 404, 'not-found', 'REVISION_NOT_FOUND'],
  ['EntryNotFound', 404, 'not-found', 'ENTRY_NOT_FOUND'],
  ['GatedRepo', 403, 'forbidden', 'REPO_GATED'],
  ['SomethingElse', 404, 'not-found', 'NOT_FOUND'],
])('what a Hub calls %s keeps the kind of its status', (name, status, kind, code) => {
  expect(failed(status, { 'x-error-code': name })).toMatchObject({ kind, code })
})

test('a server of our kind says which stored bytes are damaged', () => {
  expect(failed(404, {}, '{"error":"x","code":"CHUNK_DAMAGED"}')).toMatchObject({
    kind: 'damaged',
    code: 'CHUNK_DAMAGED',
  })
  expect(failed(404, {}, '{"error":"x","code":"REPO_EXISTS"}')).toMatchObject({ kind: 'not-found' })
})

test('says what the server said, without control characters, and how long it asks to wait', () => {
  const error = failed(429, { 'retry-after': '7', 'x-error-message': 'slow\r\ndown' })
  expect(error.message).toBe('GET http://hub/x answered 429: slow down; it asks to wait 7 s')
  expect(error.data.retryAfterMs).toBe(7000)
})

test.each([
  ['ECONNREFUSED', 'network', 'CONNECTION_FAILED'],
  ['ENOTFOUND', 'network', 'CONNECTION_FAILED'],
  ['ECONNRESET', 'network', 'CONNECTION_LOST'],
  ['ETIMEDOUT', 'timeout', 'CONNECT_TIMEOUT'],
  ['UND_ERR_CONNECT_TIMEOUT', 'timeout', 'CONNECT_TIMEOUT'],
  ['UND_ERR_HEADERS_OVERFLOW', 'malformed', 'REPLY_HEADERS_TOO_LARGE'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'network', 'TLS_REFUSED'],
])('a connection that fails with %s is %s, %s', (code, kind, ours) => {
  const thrown = Object.assign(new Error('x'), { code })
  expect(connectionError('GET http://hub/x', thrown)).toMatchObject({ kind, code: ours })
  expect(connectionError('GET http://hub/x', new AggregateError([thrown]))).toMatchObject({ code: ours })
})
