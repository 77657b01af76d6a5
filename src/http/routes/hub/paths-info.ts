/** Entries by their paths; what does not exist is left out. Python sends a form, JavaScript sends JSON. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { parseJson } from '../../../base/json.ts'
import { mayReadFiles } from '../../../hub/access.ts'
import { checkShape, readBody } from '../../guards/body.ts'
import { PATH_LIST_BYTES_MAX } from '../../limits.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { isTrue, REPO_ROUTES, repoIdOf, revisionPathOf } from './repo-path.ts'
import { entriesJson } from './tree-json.ts'

const PATHS_MAX = 20_000
export const PATHS_INFO = z.object({
  paths: z.union([z.string(), z.array(z.string()).max(PATHS_MAX)]),
  expand: z.union([z.boolean(), z.string()]).nullish(),
})

export function pathsInfoRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/paths-info`
    app.post(`${route}/*`, async (request, reply) => {
      const { revision } = revisionPathOf(request, route)
      const caller = await callerOf(hub, request)
      const snapshot = await hub.reader.at(caller, repoIdOf(request, type), revision)
      const { paths, expand } = await bodyOf(request)
      const listing = await snapshot.list()
      const found = [paths].flat().flatMap((path) => listing.find(path.replace(/\/$/, '')) ?? [])
      reply.header('x-repo-commit', snapshot.commit)
      const open = mayReadFiles(hub.accounts, caller, snapshot.repo)
      return entriesJson(snapshot, found, { expand: expand === true || isTrue(expand), open })
    })
  }
}

async function bodyOf(request: FastifyRequest): Promise<z.infer<typeof PATHS_INFO>> {
  const body = await readBody(request, PATH_LIST_BYTES_MAX)
  if (!(request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')) {
    return checkShape(parseJson('the body', body), PATHS_INFO)
  }
  const form = new URLSearchParams(body.toString('utf8'))
  return checkShape({ paths: form.getAll('paths'), expand: form.get('expand') }, PATHS_INFO)
}
