/** Aborts when the client is gone before its answer: what only it waits for need not be done. */
import type { FastifyReply } from 'fastify'
import { AppError } from '../base/app-error.ts'

export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(new AppError('cancelled', 'CANCELLED', 'The client is gone'))
  })
  return gone.signal
}
