/** Is it alive, is it ready, what is it: for people, probes and load balancers. */
import type { FastifyInstance } from 'fastify'
import { originOf } from '../../origin.ts'

export interface Health {
  readonly version: string
  /** Why the server should get no new work now; empty when it is ready. */
  notReady(): Promise<readonly string[]>
  /** Throws when what is stored cannot be reached at all. */
  checkStored(): void
}

const USAGE = `Xorbit: a Hub and Xet store for models.

  export HF_ENDPOINT=%ORIGIN%      then hf, transformers and xorbit use this server
  hf upload NAMESPACE/NAME DIR     hf download NAMESPACE/NAME
  curl %ORIGIN%/health
`

export function healthRoutes(app: FastifyInstance, health: Health): void {
  app.get('/', async (request, reply) => {
    return reply.type('text/plain; charset=utf-8').send(USAGE.replaceAll('%ORIGIN%', originOf(request)))
  })
  app.head('/', async (_request, reply) => reply.send())
  for (const path of ['/health', '/livez']) {
    app.get(path, async () => ({ status: 'ok', version: health.version }))
  }
  app.get('/readyz', async (_request, reply) => {
    const reasons = await health.notReady()
    if (reasons.length === 0) return { status: 'ok', version: health.version }
    return reply.code(503).send({ status: 'not ready', version: health.version, reasons })
  })
}
