/**
 * `POST /v1/chat/completions`. What is refused before the first token is an answer with its status; what fails later is
 * an `error` event, after which the stream ends without `[DONE]`. A client that leaves ends its request in the engine.
 */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { toAppError } from '../../../base/error-table.ts'
import type { Log } from '../../../base/log.ts'
import type { TextDone, TextEvent, TextPiece } from '../../../engine/chat-backend.ts'
import { goneSignal } from '../../gone-signal.ts'
import { readJson } from '../../guards/body.ts'
import { CHAT_BODY_BYTES_MAX } from '../../limits.ts'
import { SSE_HEADERS, sseFrame } from '../../sse.ts'
import * as answer from './chat-answer.ts'
import { CHAT_COMPLETION, toChatRequest } from './chat-request.ts'
import { openAiError } from './openai-error.ts'
import { checkMayInfer, type OpenAiService } from './openai-service.ts'

export function chatCompletionRoutes(app: FastifyInstance, service: OpenAiService): void {
  app.post('/chat/completions', async (request, reply) => {
    await checkMayInfer(service, request)
    const body = await readJson(request, CHAT_BODY_BYTES_MAX, CHAT_COMPLETION)
    const { name: model, backend } = service.models.get(body.model)
    const events = await begun(backend.chat(toChatRequest(body), goneSignal(reply)))
    const name = { id: `chatcmpl-${randomUUID()}`, model, created: Math.floor(service.clock.nowMs() / 1000) }
    if (!body.stream) return wholeAnswer(name, events)
    const options = { withUsage: body.stream_options?.include_usage === true, log: service.log, requestId: request.id }
    return reply.headers(SSE_HEADERS).send(Readable.from(frames(name, events, options)))
  })
}

/** The same events, once the first is there: until then whatever fails has a status. */
async function begun(events: AsyncIterable<TextEvent>): Promise<AsyncIterable<TextEvent>> {
  const iterator = events[Symbol.asyncIterator]()
  const first = await iterator.next()
  return (async function* () {
    if (first.done) return
    yield first.value
    yield* { [Symbol.asyncIterator]: () => iterator }
  })()
}

async function wholeAnswer(name: answer.AnswerName, events: AsyncIterable<TextEvent>): Promise<object> {
  const pieces: TextPiece[] = []
  for await (const event of events) {
    if (event.type === 'done') return answer.completionOf(name, pieces, finished(event))
    pieces.push(event)
  }
  throw neverDone()
}

interface FrameOptions {
  readonly withUsage: boolean
  readonly log: Log
  readonly requestId: string
}

async function* frames(
  name: answer.AnswerName,
  events: AsyncIterable<TextEvent>,
  { withUsage, log, requestId }: FrameOptions,
): AsyncGenerator<string> {
  try {
    yield sseFrame(answer.firstChunk(name))
    for await (const event of events) {
      if (event.type === 'text') {
        yield sseFrame(answer.pieceChunk(name, event))
        continue
      }
      yield sseFrame(answer.lastChunk(name, finished(event)))
      if (withUsage) yield sseFrame(answer.usageChunk(name, event))
      yield sseFrame('[DONE]')
      return
    }
    throw neverDone()
  } catch (thrown) {
    const error = toAppError(thrown)
    if (error.kind === 'bug') log.error({ id: requestId, err: error.cause ?? error }, 'an answer failed by a bug')
    else log.warn({ id: requestId, code: error.code }, 'an answer broke off')
    yield sseFrame(openAiError(error), 'error')
  }
}

/** An answer that was ended by its client's leaving is none, should anybody still read it. */
function finished(done: TextDone): TextDone {
  if (done.reason !== 'abort') return done
  throw new AppError('cancelled', 'CANCELLED', 'The client is gone')
}

function neverDone(): AppError {
  return new AppError('bug', 'ENGINE_MISUSED', 'An answer ended without saying so')
}
