/** The address under which the client reached us: every absolute URL in an answer begins with it. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../base/app-error.ts'

const PUBLIC_URL = Symbol('public url')

/**
 * `http://HOST[:PORT]`, or the public address (that of a proxy which speaks TLS) when its host was asked for. The host
 * guard has checked the Host header; forwarded headers of strangers are not read.
 */
export function originOf(request: FastifyRequest): string {
  return findPublicUrl(request)?.origin ?? `http://${request.headers.host}`
}

/** The public address when the request was sent to it. */
export function findPublicUrl(request: FastifyRequest): URL | null {
  const url = (request.server as { [PUBLIC_URL]?: URL } | undefined)?.[PUBLIC_URL]
  return url?.host === request.headers.host?.toLowerCase() ? (url ?? null) : null
}

/** To be called before the server listens. */
export function setPublicUrl(app: FastifyInstance, url: URL): void {
  app.decorate(PUBLIC_URL, url)
}

/** `http(s)://HOST[:PORT]`, nothing behind it: clients build their own paths. */
export function parsePublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol) && /^https?:\/\/[^/?#@]+\/?$/i.test(text)) return url
  throw new AppError('usage', 'PUBLIC_URL_INVALID', `--public-url ${text}: say https://HOST or https://HOST:PORT`)
}
