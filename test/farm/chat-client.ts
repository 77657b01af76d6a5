/** A client of /v1/chat/completions that sees the stream as it is: frames, what is in them, and how it ended. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface Frame {
  readonly event: string | null
  readonly data: string
}

export interface ChatStream extends AsyncIterable<Frame> {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Closes the connection, as a client that leaves. */
  leave(): void
}

export interface Chunk {
  readonly object: string
  readonly choices: readonly { readonly delta: { readonly content?: string }; readonly finish_reason: string | null }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number }
}

const TIMEOUT_MS = 60_000

/** Resolves with the headers of the answer. */
export function openChat(origin: string, body: object, { token }: { token?: string } = {}): Promise<ChatStream> {
  const { hostname, port } = new URL(origin)
  const bytes = Buffer.from(JSON.stringify(body))
  const headers = { 'content-type': 'application/json', 'content-length': bytes.length }
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const where = { host: hostname, port, path: '/v1/chat/completions', method: 'POST', agent: false }
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ ...where, headers: { ...headers, ...authorization } })
    asked.setTimeout(TIMEOUT_MS, () => asked.destroy(new Error('no word from the server')))
    asked.on('error', reject)
    asked.on('response', (answer) => {
      resolve({
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        leave: () => asked.destroy(),
        [Symbol.asyncIterator]: () => framesOf(answer),
      })
    })
    asked.end(bytes)
  })
}

async function* framesOf(answer: IncomingMessage): AsyncGenerator<Frame> {
  let rest = ''
  answer.setEncoding('utf8')
  for await (const text of answer as AsyncIterable<string>) {
    const frames = (rest + text).split('\n\n')
    rest = frames.pop() ?? ''
    for (const frame of frames) yield parseFrame(frame)
  }
  if (rest !== '') throw new Error(`a frame without its end: ${rest}`)
}

function parseFrame(text: string): Frame {
  const fields = text.split('\n').map((line) => {
    const [, name = '', value = ''] = /^(\w+): (.*)$/.exec(line) ?? []
    return [name, value] as const
  })
  const fieldOf = (wanted: string) => fields.find(([name]) => name === wanted)?.[1]
  const data = fieldOf('data')
  if (data === undefined) throw new Error(`a frame without data: ${text}`)
  return { event: fieldOf('event') ?? null, data }
}

export interface StreamedAnswer {
  readonly text: string
  readonly pieces: number
  readonly finish: string | null
  readonly usage: Chunk['usage']
  /** The last frame: `[DONE]`, or an error. */
  readonly last: Frame
}

export async function readChat(stream: AsyncIterable<Frame>): Promise<StreamedAnswer> {
  const answer = { text: '', pieces: 0, finish: null as string | null, usage: undefined as Chunk['usage'] }
  let last: Frame = { event: null, data: '' }
  for await (const frame of stream) {
    last = frame
    if (frame.event !== null || frame.data === '[DONE]') continue
    const chunk = JSON.parse(frame.data) as Chunk
    const [choice] = chunk.choices
    if (choice?.delta.content) {
      answer.text += choice.delta.content
      answer.pieces++
    }
    answer.finish = choice?.finish_reason ?? answer.finish
    answer.usage = chunk.usage ?? answer.usage
  }
  return { ...answer, last }
}

export async function askChat(origin: string, body: object): Promise<StreamedAnswer> {
  return readChat(await openChat(origin, { stream: true, ...body }))
}
