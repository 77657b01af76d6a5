/** The address under which the client reached us: every absolute URL in an answer begins with it. */
import type { FastifyRequest } from 'fastify'

/** `http://HOST[:PORT]`. The host guard has checked the Host header; forwarded headers of strangers are not read. */
export function originOf(request: FastifyRequest): string {
  return `http://${request.headers.host}`
}
