/** LFS objects themselves: uploaded into the CAS, checked, and read. The signature in the address is the right. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import { checkFiles, checkPropose } from '../../../hub/access.ts'
import { repoAccount } from '../../../hub/accounts.ts'
import { type LfsGrant, readGrant } from '../../../hub/lfs-signature.ts'
import type { RepoType } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { bodyOf, readBody, readJson } from '../../guards/body.ts'
import { OBJECT_LIST_BYTES_MAX, SMALL_BODY_BYTES_MAX } from '../../limits.ts'
import { replyFile } from '../hub/file-reply.ts'
import { callerOf, type HubService } from '../hub/hub-service.ts'
import { REPO_ROUTES, repoIdOf } from '../hub/repo-path.ts'

export const LFS_VERIFY = z.object({ oid: z.string(), size: z.int().nonnegative() })

export function objectRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, web } of REPO_ROUTES) {
    const object = `${web}/info/lfs/objects/:oid`
    app.put(object, async (request, reply) => {
      const grant = signed(hub, request, { type, action: 'upload' })
      if (grant === null) throw badAddress()
      checkLength(request, grant.size)
      const { sha256, size, account } = grant
      await hub.files.ingest(account, bodyOf(request), { sha256, size })
      return reply.header('etag', `"${sha256}"`).send()
    })

    partRoutes(app, hub, { type, object })

    app.post(`${object}/verify`, async (request) => {
      const account = signed(hub, request, { type, action: 'verify' })?.account ?? (await writer(hub, request, type))
      const { oid, size } = await readJson(request, SMALL_BODY_BYTES_MAX, LFS_VERIFY)
      const stored = oid === oidOf(request) ? await hub.files.findVerified(account, oid) : null
      if (stored?.size === size) return {}
      throw new AppError('not-found', 'LFS_OBJECT_UNKNOWN', `Object ${oidOf(request)} of this size was not uploaded`)
    })

    app.route({
      method: ['GET', 'HEAD'],
      url: object,
      handler: async (request, reply) => {
        const repo = await readable(hub, request, type)
        const sha256 = oidOf(request)
        const stored = await hub.files.findVerified(repoAccount(repo.id), sha256)
        if (stored === null) {
          throw new AppError('not-found', 'LFS_OBJECT_UNKNOWN', `No object ${sha256} in this repository`)
        }
        const open = (range: { start: number; end: number }) => hub.files.open(stored.hash, range)
        return replyFile(request, reply, { path: sha256, size: stored.size, etag: sha256, headers: {}, open })
      },
    })
  }
}

/** Parts are kept until they are joined; joining proves the whole, as one upload would have. */
function partRoutes(app: FastifyInstance, hub: HubService, { type, object }: { type: RepoType; object: string }): void {
  app.put<{ Params: { part: string } }>(`${object}/part-:part`, async (request, reply) => {
    const part = /^[1-9]\d{0,4}$/.test(request.params.part) ? Number(request.params.part) : 0
    const grant = signed(hub, request, { type, action: `part-${part}` })
    if (grant === null) throw badAddress()
    const bytes = hub.parts.bytesOf(grant, part)
    checkLength(request, bytes)
    const etag = await hub.parts.put(grant, part, bodyOf(request))
    return reply.header('etag', `"${etag}"`).send()
  })
  app.post(`${object}/complete`, async (request) => {
    const grant = signed(hub, request, { type, action: 'complete' })
    if (grant === null) throw badAddress()
    await readBody(request, OBJECT_LIST_BYTES_MAX)
    const { sha256, size, account } = grant
    await hub.parts.join(grant, (body) => hub.files.ingest(account, body, { sha256, size }))
    return { success: true }
  })
}

function badAddress(): AppError {
  return new AppError('forbidden', 'LFS_URL_BAD', 'The address is not signed for this upload, or ended')
}

/** What the signature allows; null when there is none that holds for this request. */
function signed(
  hub: HubService,
  request: FastifyRequest,
  { type, action }: { type: RepoType; action: LfsGrant['action'] },
): LfsGrant | null {
  const repo = hub.accounts.repos.find(repoIdOf(request, type))
  if (repo === null) return null
  const query = request.query as Readonly<Record<string, unknown>>
  const nowSeconds = hub.clock.nowSeconds()
  return readGrant(hub.accounts.secret('lfs'), query, { action, repo: repo.id, sha256: oidOf(request), nowSeconds })
}

async function writer(hub: HubService, request: FastifyRequest, type: RepoType): Promise<string> {
  const caller = await callerOf(hub, request)
  checkPropose(hub.accounts, caller, await hub.reader.getRepo(caller, repoIdOf(request, type)))
  return caller.account
}

async function readable(hub: HubService, request: FastifyRequest, type: RepoType): Promise<RepoRecord> {
  const id = repoIdOf(request, type)
  const grant = signed(hub, request, { type, action: 'download' })
  const known = grant === null ? null : hub.accounts.repos.find(id)
  if (known !== null) return known
  const caller = await callerOf(hub, request)
  const repo = await hub.reader.getRepo(caller, id)
  checkFiles(hub.accounts, caller, repo)
  return repo
}

/** Before any byte is read: a client that sends another number of bytes is refused at once. */
function checkLength(request: FastifyRequest, size: number): void {
  const announced = request.headers['content-length']
  if (announced === undefined || Number(announced) === size) return
  const message = `The object has ${size} bytes, the request announces ${announced}`
  throw new AppError('integrity', 'LFS_SIZE_MISMATCH', message)
}

function oidOf(request: FastifyRequest): string {
  const { oid } = request.params as { oid: string }
  if (/^[0-9a-f]{64}$/.test(oid)) return oid
  throw new AppError('usage', 'LFS_OID_INVALID', 'An LFS oid is 64 hexadecimal digits in lower case')
}
