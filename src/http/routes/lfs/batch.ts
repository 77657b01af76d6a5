/** Which objects are there, and where the others go. Locks are not served: clients go on silently at 404. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import { checkFiles, mayWrite } from '../../../hub/access.ts'
import { repoAccount } from '../../../hub/accounts.ts'
import type { Caller } from '../../../hub/caller.ts'
import { PARTS_MAX } from '../../../hub/lfs-parts.ts'
import { type LfsGrant, signGrant } from '../../../hub/lfs-signature.ts'
import { apiPath, webPath } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { readJson } from '../../guards/body.ts'
import { OBJECT_LIST_BYTES_MAX } from '../../limits.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from '../hub/hub-service.ts'
import { REPO_ROUTES, repoIdOf } from '../hub/repo-path.ts'
import { CAS_TOKEN_SECONDS, grantCas } from '../hub/xet-tokens.ts'

const OBJECTS_MAX = 1_000
const TRANSFERS = ['basic', 'multipart', 'xet']
export const LFS_GRANT_SECONDS = 3600

const OBJECT = z.object({ oid: z.string(), size: z.number() })
export const LFS_BATCH = z.object({
  operation: z.enum(['upload', 'download']),
  transfers: z.array(z.string()).nullish(),
  objects: z.array(OBJECT),
  ref: z.object({ name: z.string().max(1_000) }).nullish(),
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
      const batch = await readJson(request, OBJECT_LIST_BYTES_MAX, LFS_BATCH)
      check(batch)
      const isUpload = batch.operation === 'upload'
      const ref = batch.ref?.name ?? null
      // Uploads for a pull request that is still to be opened name no ref.
      const openPull = ref === null && !mayWrite(caller, repo)
      if (isUpload) hub.pulls.checkCommit(caller, repo, { revision: ref ?? 'main', openPull })
      else checkFiles(hub.accounts, caller, repo)
      const transfer = transferOf(hub, batch)
      const place = { hub, request, repo, caller, transfer, ref: ref ?? 'main', openPull }
      const objects = await Promise.all(
        batch.objects.map((asked) => (isUpload ? answerUpload(place, asked) : answerDownload(place, asked))),
      )
      if (isUpload) hub.accounts.quotas.checkBytes(repo.namespace, bytesToSend(objects))
      const body = { transfer, objects, hash_algo: 'sha256' }
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
  if (transfers?.length && !transfers.some((transfer) => TRANSFERS.includes(transfer))) {
    throw new AppError('usage', 'LFS_TRANSFER_UNKNOWN', `Transfers served are ${TRANSFERS.join(', ')}`)
  }
}

/**
 * One answer for the whole batch. Downloads are always basic: that is what clients expect of xet too. Parts only for
 * clients that offer them, and only when an object is large enough to be worth them.
 */
function transferOf(
  { parts }: HubService,
  { operation, transfers, objects }: z.infer<typeof LFS_BATCH>,
): Place['transfer'] {
  const offered = operation === 'upload' ? (transfers ?? []) : []
  if (offered.includes('xet')) return 'xet'
  const isLarge = objects.some(({ size }) => size > parts.limits.above)
  const only = offered.length > 0 && !offered.includes('basic')
  return offered.includes('multipart') && (isLarge || only) ? 'multipart' : 'basic'
}

interface Place {
  readonly hub: HubService
  readonly request: FastifyRequest
  readonly repo: RepoRecord
  readonly caller: Caller
  readonly transfer: 'basic' | 'multipart' | 'xet'
  readonly ref: string
  readonly openPull: boolean
}

/** No actions: it is there, verified for this account. */
async function answerUpload(place: Place, { oid, size }: Asked) {
  if (!isObject({ oid, size })) return bad({ oid, size })
  const { hub, caller, transfer } = place
  const known = await hub.files.findVerified(caller.account, oid)
  if (known?.size === size) return { oid, size, authenticated: true }
  if (transfer === 'xet') return { oid, size, authenticated: true, actions: { upload: xetAction(place) } }
  const verify = actionOf(place, { action: 'verify', sha256: oid, size })
  const inParts = transfer === 'multipart' && size > 0
  const upload = inParts ? partsAction(place, { oid, size }) : actionOf(place, { action: 'upload', sha256: oid, size })
  return { oid, size, authenticated: true, actions: { upload, verify } }
}

/** The way into the CAS; renewed at `href`. */
function xetAction({ hub, request, repo, caller, ref, openPull }: Place) {
  const { casUrl, accessToken, exp } = grantCas(hub, request, { caller, scope: 'write' })
  const branch = encodeURIComponent(ref.replace(/^refs\/heads\//, ''))
  const header = {
    'X-Xet-Cas-Url': casUrl,
    'X-Xet-Access-Token': accessToken,
    'X-Xet-Token-Expiration': String(exp),
    'X-Xet-Session-Id': request.id,
  }
  const pull = openPull ? '?create_pr=1' : ''
  const href = `${originOf(request)}${apiPath(repo)}/xet-write-token/${branch}${pull}`
  return { href, header, expires_in: CAS_TOKEN_SECONDS }
}

/** An address for each part under its number, and `href` to join them. */
function partsAction(place: Place, { oid, size }: Asked) {
  const { partBytes } = place.hub.parts.limits
  const count = Math.ceil(size / partBytes)
  if (count > PARTS_MAX) {
    throw new AppError(
      'too-large',
      'LFS_PARTS_TOO_MANY',
      `${size} bytes are more than ${PARTS_MAX} parts of ${partBytes}`,
    )
  }
  const header: Record<string, string> = { chunk_size: String(partBytes) }
  for (let part = 1; part <= count; part++) {
    const { href } = actionOf(place, { action: `part-${part}`, sha256: oid, size })
    header[String(part).padStart(5, '0')] = href
  }
  return { ...actionOf(place, { action: 'complete', sha256: oid, size }), header }
}

async function answerDownload(place: Place, { oid, size }: Asked) {
  if (!isObject({ oid, size })) return bad({ oid, size })
  const stored = await place.hub.files.findVerified(repoAccount(place.repo.id), oid)
  if (stored === null) return { oid, size, error: { code: 404, message: `No object ${oid} in this repository` } }
  const download = actionOf(place, { action: 'download', sha256: oid, size: stored.size })
  return { oid, size: stored.size, authenticated: true, actions: { download } }
}

function actionOf(
  { hub, request, repo, caller: { account, expiresMs } }: Place,
  { action, sha256, size }: Pick<LfsGrant, 'action' | 'sha256' | 'size'>,
) {
  const nowSeconds = hub.clock.nowSeconds()
  // Never longer than the token it was got with.
  const endSeconds = expiresMs === null ? Number.POSITIVE_INFINITY : Math.floor(expiresMs / 1000)
  const expirySeconds = Math.min(nowSeconds + LFS_GRANT_SECONDS, endSeconds)
  const query = signGrant(hub.accounts.secret('lfs'), { action, repo: repo.id, account, sha256, size, expirySeconds })
  const tail = ['upload', 'download'].includes(action) ? sha256 : `${sha256}/${action}`
  const href = `${originOf(request)}${webPath(repo)}.git/info/lfs/objects/${tail}?${query}`
  return { href, header: {}, expires_in: Math.max(expirySeconds - nowSeconds, 0) }
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
