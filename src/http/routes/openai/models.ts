/** `GET /v1/models`: what is served, by the names that requests use. */
import type { FastifyInstance } from 'fastify'
import type { ServedModel } from '../../../actions/served-models.ts'
import { checkMayInfer, type OpenAiService } from './openai-service.ts'

export function modelRoutes(app: FastifyInstance, service: OpenAiService): void {
  app.get('/models', async (request) => {
    await checkMayInfer(service, request)
    return { object: 'list', data: service.models.list().map(entryOf) }
  })
  // Names may hold slashes, written as they are or encoded.
  app.get<{ Params: { '*': string } }>('/models/*', async (request) => {
    await checkMayInfer(service, request)
    return entryOf(service.models.get(request.params['*']))
  })
}

function entryOf({ name, sinceMs }: ServedModel): object {
  return { id: name, object: 'model', created: Math.floor(sinceMs / 1000), owned_by: 'xorbit' }
}
