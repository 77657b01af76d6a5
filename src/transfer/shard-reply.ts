/** The NDJSON answer to a shard: progress lines, then exactly one `result` or `error`. Each line is bounded. */
import { AppError } from '../base/app-error.ts'
import type { HttpReply } from '../base/http-client.ts'
import { parseJson } from '../base/json.ts'

const LINE_BYTES_MAX = 1024 * 1024

/** True when the shard is registered, false when this CAS has no such call (404, 501). Errors of the stream throw. */
export async function readShardReply(reply: HttpReply): Promise<boolean> {
  if (reply.status !== 200) return false
  for await (const line of linesOf(reply)) {
    const { type, message, retryable } = parseLine(line, reply.where)
    if (type === 'result') return true
    if (type === 'error') {
      const kind = retryable === true ? 'upstream' : 'integrity'
      throw new AppError(kind, 'SHARD_REFUSED', `${reply.where}: the shard was refused: ${String(message)}`)
    }
  }
  throw new AppError('upstream', 'SHARD_REPLY_UNFINISHED', `${reply.where}: the answer ended without a result`)
}

function parseLine(line: string, where: string): { type?: unknown; message?: unknown; retryable?: unknown } {
  const value = parseJson(where, Buffer.from(line))
  if (typeof value === 'object' && value !== null) return value
  throw new AppError('malformed', 'JSON_MALFORMED', `${where}: a line of the answer is no object`)
}

async function* linesOf({ body, where }: HttpReply): AsyncGenerator<string> {
  let rest = Buffer.alloc(0)
  for await (const piece of body) {
    rest = Buffer.concat([rest, piece])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.toString('utf8', 0, end).trim()
      rest = rest.subarray(end + 1)
      if (line !== '') yield line
    }
    if (rest.length > LINE_BYTES_MAX) throw new AppError('malformed', 'REPLY_TOO_LARGE', `${where}: a line without end`)
  }
  const line = rest.toString('utf8').trim()
  if (line !== '') yield line
}
