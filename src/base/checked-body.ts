/** The body of a reply as it comes: watched, limited in speed, of the length and encoding that it must have. */
import { AppError } from './app-error.ts'
import type { Deadline } from './deadline.ts'
import { connectionError } from './http-failure.ts'
import type { RateLimit } from './rate-limit.ts'

export interface BodyContext {
  readonly where: string
  readonly deadline: Deadline
  readonly limit: RateLimit | null
  readonly length: number | null
  readonly encoding: string | undefined
}

/** Throws when it is cut, too long, silent, or encoded. */
export async function* checkedBody(body: AsyncIterable<Uint8Array>, context: BodyContext): AsyncGenerator<Uint8Array> {
  const { where, deadline, limit, length, encoding } = context
  if (encoding !== undefined && encoding !== 'identity') {
    throw new AppError('upstream', 'ENCODING_UNASKED', `${where}: the reply is ${encoding}, asked was identity`)
  }
  const pieces = body[Symbol.asyncIterator]()
  let got = 0
  try {
    for (;;) {
      deadline.touch()
      const next = await pieces.next()
      deadline.pause()
      if (next.done) break
      got += next.value.length
      await limit?.take(next.value.length, deadline.signal)
      yield next.value
    }
  } catch (error) {
    throw deadline.signal.aborted ? deadline.signal.reason : connectionError(where, error)
  } finally {
    deadline.close()
    await pieces.return?.()
  }
  if (length !== null && got !== length) {
    throw new AppError('network', 'REPLY_CUT_SHORT', `${where}: ${got} of ${length} bytes came`)
  }
}
