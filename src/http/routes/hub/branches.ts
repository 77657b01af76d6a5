/** Branches and tags come and go. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { parseJson } from '../../../base/json.ts'
import { decodeSegment } from '../../../hub/revision.ts'
import { checkShape, readBody } from '../../guards/body.ts'
import { SMALL_BODY_BYTES_MAX } from '../../limits.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { REPO_ROUTES, rawRest, repoIdOf, revisionPathOf } from './repo-path.ts'

export const BRANCH = z.object({
  startingPoint: z.string().nullish(),
  emptyBranch: z.boolean().nullish(),
  overwrite: z.boolean().nullish(),
})
export const SQUASH = z.object({ message: z.string().max(65_536).nullish() })
export const TAG = z.object({ tag: z.string(), message: z.string().nullish() })

export function branchRoutes(app: FastifyInstance, hub: HubService): void {
  const { writer } = hub
  for (const { type, api } of REPO_ROUTES) {
    const branches = `${api}/branch`
    app.post(`${branches}/*`, async (request) => {
      const caller = await callerOf(hub, request)
      const { startingPoint, emptyBranch, overwrite } = checkShape(await optionalJson(request), BRANCH)
      const options = {
        startingPoint: startingPoint ?? undefined,
        empty: emptyBranch === true,
        overwrite: overwrite === true,
      }
      await writer.createBranch(caller, repoIdOf(request, type), nameIn(request, branches), options)
      return {}
    })
    app.delete(`${branches}/*`, async (request) => {
      await writer.deleteBranch(await callerOf(hub, request), repoIdOf(request, type), nameIn(request, branches))
      return {}
    })

    const squash = `${api}/super-squash`
    app.post(`${squash}/*`, async (request) => {
      const caller = await callerOf(hub, request)
      const { message } = checkShape(await optionalJson(request), SQUASH)
      const branch = nameIn(request, squash)
      const text = message?.trim() || `Super-squash branch '${branch}'`
      return { commitId: await writer.squash(caller, repoIdOf(request, type), branch, text) }
    })

    const tags = `${api}/tag`
    app.post(`${tags}/*`, async (request) => {
      const caller = await callerOf(hub, request)
      const { revision } = revisionPathOf(request, tags)
      const { tag, message } = checkShape(await optionalJson(request), TAG)
      await writer.createTag(caller, repoIdOf(request, type), { tag, revision, message: message ?? null })
      return {}
    })
    app.delete(`${tags}/*`, async (request) => {
      await writer.deleteTag(await callerOf(hub, request), repoIdOf(request, type), nameIn(request, tags))
      return {}
    })
  }
}

/** The whole rest is the name: clients encode its slashes, or not. */
function nameIn(request: FastifyRequest, route: string): string {
  return rawRest(request, route).split('/').map(decodeSegment).join('/')
}

async function optionalJson(request: FastifyRequest): Promise<unknown> {
  const body = await readBody(request, SMALL_BODY_BYTES_MAX)
  return body.length === 0 ? {} : parseJson('the body', body)
}
