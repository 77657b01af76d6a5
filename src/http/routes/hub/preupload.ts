/** Before an upload: which files go into git, which into the CAS, which are there already. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { checkNewPath } from '../../../base/safe-path.ts'
import { planUpload } from '../../../hub/preupload.ts'
import { readJson } from '../../guards/body.ts'
import { PATH_LIST_BYTES_MAX } from '../../limits.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { opensPull, REPO_ROUTES, repoIdOf, revisionPathOf } from './repo-path.ts'

const FILES_MAX = 5_000
const SAMPLE_LENGTH_MAX = 4_096
const FILE = z.object({
  path: z.string(),
  size: z.int().nonnegative(),
  sample: z.string().max(SAMPLE_LENGTH_MAX).nullish(),
})
export const PREUPLOAD = z.object({
  files: z.array(FILE).max(FILES_MAX),
  gitIgnore: z.string().nullish(),
  gitAttributes: z.string().nullish(),
})

export function preuploadRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/preupload`
    app.post(`${route}/*`, async (request) => {
      const caller = await callerOf(hub, request)
      const { revision } = revisionPathOf(request, route)
      const found = await hub.reader.getRepo(caller, repoIdOf(request, type))
      const repo = hub.pulls.checkCommit(caller, found, { revision, openPull: opensPull(request) })
      const snapshot = await hub.reader.at(caller, repo, revision)
      const { files, gitIgnore, gitAttributes } = await readJson(request, PATH_LIST_BYTES_MAX, PREUPLOAD)
      // A full namespace is told before bytes are sent; the exact sum is known at the commit.
      hub.accounts.quotas.checkBytes(repo.namespace, files.some(({ size }) => size > 0) ? 1 : 0)
      const asked = files.map(({ path, size, sample }) => {
        checkNewPath(path)
        return { path, size, sample: Buffer.from(sample ?? '', 'base64') }
      })
      const rules = { gitIgnore: gitIgnore ?? null, gitAttributes: gitAttributes ?? null }
      const planned = await planUpload(snapshot, asked, rules)
      return {
        files: planned.map(({ oid, ...file }) => (oid === null ? file : { ...file, oid })),
        commitOid: snapshot.commit,
      }
    })
  }
}
