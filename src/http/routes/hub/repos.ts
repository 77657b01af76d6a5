/** Repositories come and go. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import { formatTypedRepoId, parseRepoId, REPO_TYPES, type RepoId, webPath } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { noteDeed } from '../../guards/audit.ts'
import { readJson } from '../../guards/body.ts'
import { PATH_LIST_BYTES_MAX } from '../../limits.ts'
import { originOf } from '../../origin.ts'
import { type HubService, signedIn } from './hub-service.ts'

export const NAMED_REPO = z.object({
  name: z.string(),
  organization: z.string().nullish(),
  type: z.enum(REPO_TYPES).nullish(),
})

export const NEW_REPO = NAMED_REPO.extend({
  private: z.boolean().nullish(),
  visibility: z.enum(['public', 'private', 'protected']).nullish(),
  sdk: z.string().max(50).nullish(),
  files: z.array(z.object({ path: z.string(), content: z.string(), encoding: z.literal('base64') })).nullish(),
})

export const MOVE = z.object({ fromRepo: z.string(), toRepo: z.string(), type: z.enum(REPO_TYPES).nullish() })

export function reposRoutes(app: FastifyInstance, hub: HubService): void {
  const { writer } = hub
  app.post('/api/repos/create', async (request) => {
    const caller = await signedIn(hub, request)
    const body = await readJson(request, PATH_LIST_BYTES_MAX, NEW_REPO)
    const id = idOf(body, caller.name ?? '')
    const isPrivate =
      body.visibility === undefined || body.visibility === null ? body.private === true : body.visibility !== 'public'
    const files = (body.files ?? []).map(({ path, content }) => ({ path, content: Buffer.from(content, 'base64') }))
    const settings = { sdk: body.sdk ?? undefined }
    noteDeed(request, { what: formatTypedRepoId(id), details: { private: isPrivate } })
    try {
      return describe(request, await writer.create(caller, id, { private: isPrivate, settings, files }))
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'REPO_EXISTS') throw error
      // Clients that were told "exists is fine" go on with this URL.
      const known = describe(request, error.data.repo as RepoRecord)
      throw new AppError('conflict', 'REPO_EXISTS', error.message, { data: { body: known } })
    }
  })

  app.delete('/api/repos/delete', async (request, reply) => {
    const caller = await signedIn(hub, request)
    const body = await readJson(request, PATH_LIST_BYTES_MAX, NAMED_REPO)
    const id = idOf(body, caller.name ?? '')
    noteDeed(request, { what: formatTypedRepoId(id) })
    await writer.delete(caller, id)
    return reply.type('text/plain; charset=utf-8').send('OK')
  })

  app.post('/api/repos/move', async (request, reply) => {
    const caller = await signedIn(hub, request)
    const { fromRepo, toRepo, type } = await readJson(request, PATH_LIST_BYTES_MAX, MOVE)
    const [from, to] = [fromRepo, toRepo].map((id) => parseRepoId(id, type ?? 'model')) as [RepoId, RepoId]
    noteDeed(request, { what: formatTypedRepoId(from), details: { to: formatTypedRepoId(to) } })
    await hub.changes.move(caller, from, to)
    return reply.type('text/plain; charset=utf-8').send('OK')
  })
}

/** `name` alone is the caller's own; some clients write the namespace into it. */
function idOf({ name, organization, type }: z.infer<typeof NAMED_REPO>, caller: string): RepoId {
  const full = name.includes('/') && !organization ? name : `${organization || caller}/${name}`
  return parseRepoId(full, type ?? 'model')
}

function describe(request: FastifyRequest, repo: RepoRecord) {
  return { url: `${originOf(request)}${webPath(repo)}`, name: `${repo.namespace}/${repo.name}`, id: repo.id }
}
