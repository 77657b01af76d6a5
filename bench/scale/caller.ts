/** HTTP as clients speak it: connections stay open, an answer that is not the expected one throws. */
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface CallOptions {
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** 200 unless given. */
  readonly status?: number
}

export interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const ANSWER_MS = 60_000

export class Caller {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 512 })

  async call(url: string, options: CallOptions = {}): Promise<Answer> {
    const { method = 'GET', token, body, status = 200 } = options
    const headers: Record<string, string | number> = { ...options.headers }
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    if (body !== undefined) headers['content-length'] = Buffer.byteLength(body)
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest(url, { method, headers, agent: this.#agent })
      request.setTimeout(ANSWER_MS, () => request.destroy(new Error(`no answer from ${method} ${url}`)))
      request.once('response', resolve).once('error', reject)
      request.end(body)
    })
    const parts: Buffer[] = []
    for await (const part of answer) parts.push(part as Buffer)
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
    if (answer.statusCode === status && answer.complete) return { headers: answer.headers, body: bytes }
    throw new Error(`${method} ${url}: ${answer.statusCode} ${bytes.toString('utf8', 0, 300)}`)
  }

  close(): void {
    this.#agent.destroy()
  }
}

export function jsonOf<T>({ body }: Answer): T {
  return JSON.parse(body.toString()) as T
}
