/** Settings of a repository, and copies of it. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import { formatTypedRepoId, parseRepoId, webPath } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { noteDeed } from '../../guards/audit.ts'
import { readJson } from '../../guards/body.ts'
import { SMALL_BODY_BYTES_MAX } from '../../limits.ts'
import { originOf } from '../../origin.ts'
import { type HubService, signedIn } from './hub-service.ts'
import { REPO_ROUTES, repoIdOf } from './repo-path.ts'

const VISIBILITY = {
  private: z.boolean().nullish(),
  visibility: z.enum(['public', 'private', 'protected']).nullish(),
}
export const SETTINGS = z.object({
  ...VISIBILITY,
  gated: z.union([z.literal(false), z.enum(['auto', 'manual'])]).nullish(),
})
export const DUPLICATE = z.object({ ...VISIBILITY, repository: z.string() })

export function settingsRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    app.put(`${api}/settings`, async (request) => {
      const caller = await signedIn(hub, request)
      const body = await readJson(request, SMALL_BODY_BYTES_MAX, SETTINGS)
      const gated = body.gated === false ? null : (body.gated ?? undefined)
      const change = { private: isPrivate(body) ?? undefined, gated }
      noteDeed(request, { details: change })
      const repo = hub.changes.update(caller, repoIdOf(request, type), change)
      return { visibility: repo.private ? 'private' : 'public', private: repo.private, gated: repo.gated ?? false }
    })

    app.post(`${api}/duplicate`, async (request) => {
      const caller = await signedIn(hub, request)
      const body = await readJson(request, SMALL_BODY_BYTES_MAX, DUPLICATE)
      const to = parseRepoId(body.repository, type)
      noteDeed(request, { details: { to: formatTypedRepoId(to) } })
      try {
        const options = { private: isPrivate(body) }
        return describe(request, await hub.changes.duplicate(caller, repoIdOf(request, type), to, options))
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'REPO_EXISTS') throw error
        const body = describe(request, error.data.repo as RepoRecord)
        throw new AppError('conflict', 'REPO_EXISTS', error.message, { data: { body } })
      }
    })
  }
}

/** Null: not said. */
export function isPrivate(body: { private?: boolean | null | undefined; visibility?: string | null | undefined }) {
  if (body.visibility !== undefined && body.visibility !== null) return body.visibility !== 'public'
  return body.private ?? null
}

function describe(request: FastifyRequest, repo: RepoRecord) {
  return { url: `${originOf(request)}${webPath(repo)}`, filesCopyPending: false }
}
