/**
 * Whoever asks from this machine while the server has one user, as on a laptop, is that user. What came to the public
 * address came through a proxy, which is on this machine too, from anywhere.
 */
import type { FastifyRequest } from 'fastify'
import type { Accounts } from '../../hub/accounts.ts'
import { findPublicUrl } from '../origin.ts'
import { addressOf } from './address.ts'

export function isOwnMachine(accounts: Pick<Accounts, 'listUsers'>, request: FastifyRequest): boolean {
  const isLoopback = /^(::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/i.test(addressOf(request))
  return isLoopback && findPublicUrl(request) === null && accounts.listUsers().length <= 1
}
