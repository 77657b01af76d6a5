/** The large files that a repository's history holds, and their way into another repository without a byte sent. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import type { StoredFile } from '../../../cas/cas-files.ts'
import { checkFiles, checkWrite } from '../../../hub/access.ts'
import { repoAccount } from '../../../hub/accounts.ts'
import { parseRepoId, REPO_TYPES } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { readJson } from '../../guards/body.ts'
import { OBJECT_LIST_BYTES_MAX } from '../../limits.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService, signedIn } from './hub-service.ts'
import { limitOf, pageOf, REPO_ROUTES, repoIdOf } from './repo-path.ts'

const PAGE_MAX = 1000
const FILES_MAX = 10_000
const DUPLICATE = z.object({
  target: z.object({ type: z.enum(REPO_TYPES), name: z.string() }),
  files: z
    .array(
      z.object({
        xetHash: z.string().nullish(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        filename: z.string().nullish(),
      }),
    )
    .max(FILES_MAX),
})

/** Counted as if it had been uploaded there. */
async function attach({ accounts, files }: HubService, to: RepoRecord, { hash, sha256, size }: StoredFile) {
  const isNew = (await files.findVerified(repoAccount(to.id), sha256 ?? '')) === null
  if (isNew) accounts.quotas.take(to, size)
  await files.attach(to.id, [hash])
}

export function largeFileRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    app.get<{ Querystring: Record<string, string> }>(`${api}/lfs-files`, async (request, reply) => {
      const caller = await callerOf(hub, request)
      const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
      checkFiles(hub.accounts, caller, repo)
      const files = await hub.largeFiles.list(repo)
      const count = limitOf(request.query.limit, PAGE_MAX)
      const start = pageOf(request.query.cursor) * count
      if (start + count < files.length) {
        const query = new URLSearchParams({ ...request.query, cursor: String(start / count + 1) })
        reply.header('link', `<${originOf(request)}${request.url.split('?', 1)[0]}?${query}>; rel="next"`)
      }
      return files.slice(start, start + count).map(({ sha256, size, path, blob, commit, seconds }) => ({
        ...{ fileOid: sha256, filename: path, oid: blob, ref: commit, size },
        pushedAt: new Date(seconds * 1000).toISOString(),
      }))
    })

    app.post(`${api}/lfs-files/batch`, async (request) => {
      const caller = await signedIn(hub, request)
      checkWrite(caller, await hub.reader.getRepo(caller, repoIdOf(request, type)))
      const message =
        'History is not rewritten here: delete the files by a commit, squash the branch, or delete the repository'
      throw new AppError('unsupported', 'LFS_DELETE_UNSUPPORTED', message)
    })

    app.post(`${api}/lfs-files/duplicate`, async (request) => {
      const caller = await signedIn(hub, request)
      const source = await hub.reader.getRepo(caller, repoIdOf(request, type))
      checkFiles(hub.accounts, caller, source)
      const { target, files } = await readJson(request, OBJECT_LIST_BYTES_MAX, DUPLICATE)
      const to = checkWrite(caller, await hub.reader.getRepo(caller, parseRepoId(target.name, target.type)))
      const failed: { sha256: string; error: string }[] = []
      for (const { sha256 } of files) {
        const stored = await hub.files.findVerified(repoAccount(source.id), sha256)
        if (stored === null) failed.push({ sha256, error: 'The source repository has no such file' })
        else await attach(hub, to, stored)
      }
      return { success: failed.length === 0, failed }
    })
  }
}
