/**
 * What headers say before a handler sees a request: few of them, and a body as it is. Nothing here decompresses, so a
 * body that is packed could only be misread; the small one that unpacks to gigabytes is refused like every other.
 */
import type { FastifyRequest } from 'fastify'
import { AppError } from '../../base/app-error.ts'
import { HEADER_COUNT_MAX } from '../limits.ts'

export function checkHeaders({ raw }: FastifyRequest): void {
  if (raw.rawHeaders.length / 2 > HEADER_COUNT_MAX) {
    const message = `The request has more than ${HEADER_COUNT_MAX} headers: send fewer`
    throw new AppError('too-large', 'HEADERS_TOO_MANY', message)
  }
  const { 'content-encoding': content = 'identity', 'transfer-encoding': transfer = 'chunked' } = raw.headers
  if (content.toLowerCase() !== 'identity' || transfer.toLowerCase() !== 'chunked') {
    const message =
      'A body is taken as it is: send it without Content-Encoding, and with no Transfer-Encoding but chunked'
    throw new AppError('usage', 'BODY_ENCODED', message)
  }
}
