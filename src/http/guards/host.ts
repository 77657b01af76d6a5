/**
 * Against DNS rebinding and pages of other origins: the Host header must be a name of ours, an Origin header, where a
 * browser sends one, too. Loopback names are always ours; further ones are configured.
 */
import type { FastifyRequest } from 'fastify'
import { AppError } from '../../base/app-error.ts'
import { findPublicUrl } from '../origin.ts'

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])$/i

export function checkHost(request: FastifyRequest, allowedHosts: readonly string[]): void {
  const hosts = request.raw.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length
  // A whole address in the request line would be a second one.
  if (hosts !== 1 || /^[^/*]/.test(request.raw.url ?? ''))
    throw new AppError('usage', 'HOST_MISSING', 'A request names exactly one Host')
  const { host, origin } = request.headers
  if (findPublicUrl(request) === null && !isOurs(host ?? '', allowedHosts)) {
    throw new AppError('forbidden', 'HOST_UNKNOWN', `Host ${host} is not served here; add it with --allow-host`)
  }
  if (origin === undefined) return
  const authority = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]
  if (authority === undefined || authority.toLowerCase() !== (host ?? '').toLowerCase()) {
    throw new AppError('forbidden', 'ORIGIN_FOREIGN', `Pages of ${origin} may not use this server`)
  }
}

function isOurs(authority: string, allowedHosts: readonly string[]): boolean {
  const name = /^(\[[0-9a-f:]+\]|[^:[\]/@\s]+)(:\d{1,5})?$/i.exec(authority)?.[1]
  if (name === undefined) return false
  return LOOPBACK.test(name) || allowedHosts.includes(name.toLowerCase())
}
