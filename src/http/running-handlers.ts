/**
 * Handlers outlive their connections: one whose client is gone may still write. The server is closed only when all have
 * ended, so that what they use is closed after them.
 */
import type { FastifyInstance } from 'fastify'

/** To be called before any route is added. */
export function waitForHandlers(app: FastifyInstance): void {
  const running = new Set<Promise<boolean>>()
  app.addHook('onRoute', (route) => {
    const { handler } = route
    route.handler = function handle(request, reply) {
      const result: unknown = handler.call(this, request, reply)
      if (!(result instanceof Promise)) return result
      const forget = () => running.delete(ended)
      const ended: Promise<boolean> = result.then(forget, forget)
      running.add(ended)
      return result
    }
  })
  app.addHook('onClose', async () => {
    await Promise.all(running)
  })
}
