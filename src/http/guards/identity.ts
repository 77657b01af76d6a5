/**
 * Who sent a request: `Bearer TOKEN`, or `Basic` with the token as password. Looked up once for a request, whoever asks:
 * guards, routes and the audit log.
 */
import type { FastifyRequest } from 'fastify'
import type { Accounts } from '../../hub/accounts.ts'
import { ANONYMOUS, type Caller } from '../../hub/caller.ts'

const known = new WeakMap<FastifyRequest, Caller | null>()

/** Null for credentials that are not ours; whoever shows none is anonymous. */
export function findIdentity(accounts: Pick<Accounts, 'findCaller'>, request: FastifyRequest): Caller | null {
  const found = known.get(request)
  if (found !== undefined) return found
  const caller = lookUp(accounts, request.headers.authorization)
  known.set(request, caller)
  return caller
}

function lookUp(accounts: Pick<Accounts, 'findCaller'>, authorization: string | undefined): Caller | null {
  if (authorization === undefined) return ANONYMOUS
  const token = tokenOf(authorization)
  return token === null ? null : accounts.findCaller(token)
}

function tokenOf(authorization: string): string | null {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(authorization.trim()) ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic') return null
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return null
  // Some clients know only a user name: then it is the token.
  return text.slice(colon + 1) || text.slice(0, colon)
}
