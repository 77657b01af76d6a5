/** OpenAI's API over the models that are served, in its own form of errors. */
import type { FastifyInstance } from 'fastify'
import { replyError } from '../../error-reply.ts'
import { chatCompletionRoutes } from './chat-completions.ts'
import { modelRoutes } from './models.ts'
import { OPENAI_DRESS } from './openai-error.ts'
import type { OpenAiService } from './openai-service.ts'

export function openAiRoutes(app: FastifyInstance, service: OpenAiService): void {
  app.setErrorHandler((thrown, request, reply) => replyError(thrown, request, reply, service.log, OPENAI_DRESS))
  chatCompletionRoutes(app, service)
  modelRoutes(app, service)
}
