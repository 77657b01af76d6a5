/** Every route of the listener, as it was registered: for its description, and for the test that knows what each may. */
import type { FastifyInstance } from 'fastify'

export interface Route {
  readonly method: string
  readonly url: string
}

const lists = new WeakMap<FastifyInstance, Route[]>()

/** Before the first route. */
export function collectRoutes(app: FastifyInstance): readonly Route[] {
  const routes: Route[] = []
  lists.set(app, routes)
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, url })
  })
  return routes
}

export function routesOf(app: FastifyInstance): readonly Route[] {
  return lists.get(app) ?? []
}
