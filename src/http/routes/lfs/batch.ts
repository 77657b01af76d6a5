/** Which objects are there, and where the others go. Locks are not served: clients go on silently at 404. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import { checkWrite } from '../../../hub/access.ts'
import { repoAccount } from '../../../hub/accounts.ts'
import { type LfsGrant, signGrant } from '../../../hub/lfs-signature.ts'
import { webPath } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { readJson } from '../../guards/body.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from '../hub/hub-service.ts'
import { REPO_ROUTES, repoIdOf } from '../hub/repo-path.ts'

const BODY_BYTES_MAX = 4 * 1024 * 1024
const OBJECTS_MAX = 1_000
export const LFS_GRANT_SECONDS = 3600

const OBJECT = z.object({ oid: z.string(), size: z.number() })
export const LFS_BATCH = z.object({
  operation: z.enum(['upload', 'download']),
  transfers: z.array(z.string()).nullish(),
  objects: z.array(OBJECT),
  hash_algo: z.string().nullish(),
})

interface Asked {
  readonly oid: string
  readonly size: number
}

export function batchRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, web } of REPO_ROUTES) {
    app.post(`${web}/info/lfs/objects/batch`, async (request, reply) => {
      const caller = await callerOf(hub, request)
      const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
      const batch = await readJson(request, BODY_BYTES_MAX, LFS_BATCH)
      check(batch)
      const isUpload = batch.operation === 'upload'
      if (isUpload) checkWrite(caller, repo)
      const place = { hub, request, repo, account: caller.account }
      const objects = await Promise.all(
        batch.objects.map((asked) => (isUpload ? answerUpload(place, asked) : answerDownload(place, asked))),
      )
      if (isUpload) hub.accounts.quotas.checkBytes(repo.namespace, bytesToSend(objects))
      const body = { transfer: 'basic', objects, hash_algo: 'sha256' }
      return reply.type('application/vnd.git-lfs+json').send(JSON.stringify(body))
    })
    app.all(`${web}/info/lfs/locks`, async () => noLocks())
    app.all(`${web}/info/lfs/locks/*`, async () => noLocks())
  }
}

function bytesToSend(objects: readonly { size: number; actions?: object }[]): number {
  return objects.reduce((sum, { size, actions }) => sum + (actions === undefined ? 0 : size), 0)
}

function check({ objects, hash_algo, transfers }: z.infer<typeof LFS_BATCH>): void {
  if (objects.length > OBJECTS_MAX) {
    throw new AppError('too-large', 'LFS_BATCH_TOO_LARGE', `A batch names at most ${OBJECTS_MAX} objects`)
  }
  if (!['sha256', 'sha_256', undefined, null].includes(hash_algo)) {
    throw new AppError('conflict', 'LFS_HASH_UNKNOWN', `Objects are named by sha256, not ${hash_algo?.slice(0, 50)}`)
  }
  if (transfers?.length && !transfers.includes('basic')) {
    throw new AppError('usage', 'LFS_TRANSFER_UNKNOWN', 'Only the basic transfer is served')
  }
}

interface Place {
  readonly hub: HubService
  readonly request: FastifyRequest
  readonly repo: RepoRecord
  readonly account: string
}

/** No actions: it is there, verified for this account. */
async function answerUpload(place: Place, { oid, size }: Asked) {
  if (!isObject({ oid, size })) return bad({ oid, size })
  const known = await place.hub.files.findVerified(place.account, oid)
  if (known?.size === size) return { oid, size, authenticated: true }
  const upload = actionOf(place, { action: 'upload', sha256: oid, size })
  const verify = actionOf(place, { action: 'verify', sha256: oid, size })
  return { oid, size, authenticated: true, actions: { upload, verify } }
}

async function answerDownload(place: Place, { oid, size }: Asked) {
  if (!isObject({ oid, size })) return bad({ oid, size })
  const stored = await place.hub.files.findVerified(repoAccount(place.repo.id), oid)
  if (stored === null) return { oid, size, error: { code: 404, message: `No object ${oid} in this repository` } }
  const download = actionOf(place, { action: 'download', sha256: oid, size: stored.size })
  return { oid, size: stored.size, authenticated: true, actions: { download } }
}

function actionOf(
  { hub, request, repo, account }: Place,
  { action, sha256, size }: Pick<LfsGrant, 'action' | 'sha256' | 'size'>,
) {
  const expirySeconds = hub.clock.nowSeconds() + LFS_GRANT_SECONDS
  const query = signGrant(hub.accounts.secret('lfs'), { action, repo: repo.id, account, sha256, size, expirySeconds })
  const tail = action === 'verify' ? `${sha256}/verify` : sha256
  const href = `${originOf(request)}${webPath(repo)}.git/info/lfs/objects/${tail}?${query}`
  return { href, header: {}, expires_in: LFS_GRANT_SECONDS }
}

function isObject({ oid, size }: Asked): boolean {
  return /^[0-9a-f]{64}$/.test(oid) && Number.isSafeInteger(size) && size >= 0
}

function bad({ oid, size }: Asked) {
  const message = 'An oid is 64 hexadecimal digits in lower case, a size a whole number from 0'
  return { oid: oid.slice(0, 100), size, error: { code: 422, message } }
}

function noLocks(): never {
  throw new AppError('not-found', 'LFS_LOCKS_UNKNOWN', 'File locks are not served here')
}
