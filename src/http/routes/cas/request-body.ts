/**
 * Request bodies that may be refused halfway. Node ends the connection of a request whose body was left unread, and the
 * refusal is lost on its way: a client takes that for a broken network and sends it all again. So what is left is read
 * and thrown away, up to a bound, before the answer.
 */
import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { DISCARDED_BYTES_MAX } from '../../limits.ts'
import type { CasService } from './cas-service.ts'

export async function withBody<T>(
  cas: CasService,
  request: FastifyRequest,
  use: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const stream: Readable = request.raw
  try {
    return await use(stream.iterator({ destroyOnReturn: false }))
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'UPLOAD_TOO_SLOW'))
      await discard(stream).catch((err: unknown) => cas.log.debug({ id: request.id, err }, 'the sender is gone'))
    throw error
  }
}

async function discard(stream: Readable): Promise<void> {
  if (stream.destroyed || stream.readableEnded) return
  let left = DISCARDED_BYTES_MAX
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    left -= (piece as Uint8Array).length
    if (left < 0) return
  }
}
