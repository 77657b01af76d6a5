/** The files themselves: `resolve` gives a file's bytes, wherever they are kept; `raw` gives what git holds. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { checkFiles } from '../../../hub/access.ts'
import { contentMissing } from '../../../hub/hub-error.ts'
import { apiPath, type RepoType } from '../../../hub/repo-id.ts'
import type { FileEntry } from '../../../hub/repo-listing.ts'
import type { Snapshot } from '../../../hub/repo-reader.ts'
import { originOf } from '../../origin.ts'
import { replyFile } from './file-reply.ts'
import { callerOf, casUrlFor, type HubService } from './hub-service.ts'
import { isTrue, REPO_ROUTES, repoIdOf, revisionPathOf } from './repo-path.ts'

const XET_INFO = 'application/vnd.xet-fileinfo+json'

export function resolveRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api, web } of REPO_ROUTES) {
    for (const route of [`${web}/resolve`, `${api}/resolve`]) {
      const handler = (request: FastifyRequest, reply: FastifyReply) => resolve(hub, request, reply, { type, route })
      app.route({ method: ['GET', 'HEAD'], url: `${route}/*`, handler })
    }
    const route = `${web}/raw`
    const handler = (request: FastifyRequest, reply: FastifyReply) => raw(hub, request, reply, { type, route })
    app.route({ method: ['GET', 'HEAD'], url: `${route}/*`, handler })
  }
}

interface At {
  readonly type: RepoType
  readonly route: string
}

async function find(hub: HubService, request: FastifyRequest, { type, route }: At) {
  const { revision, path } = revisionPathOf(request, route)
  const caller = await callerOf(hub, request)
  const snapshot = await hub.reader.at(caller, repoIdOf(request, type), revision)
  checkFiles(hub.accounts, caller, snapshot.repo)
  return { caller, snapshot, file: await snapshot.getFile(path) }
}

async function raw(hub: HubService, request: FastifyRequest, reply: FastifyReply, at: At) {
  const { snapshot, file } = await find(hub, request, at)
  return replyFile(request, reply, {
    path: file.path,
    size: file.blobBytes,
    etag: file.oid,
    headers: { 'x-repo-commit': snapshot.commit },
    open: (range) => snapshot.open({ ...file, size: file.blobBytes, lfs: null }, null, range),
  })
}

async function resolve(hub: HubService, request: FastifyRequest, reply: FastifyReply, at: At) {
  const { caller, snapshot, file } = await find(hub, request, at)
  const stored = await snapshot.findStored(file)
  if (file.lfs !== null && stored === null) throw contentMissing(file.path, file.lfs.sha256, snapshot.commit)
  const headers: Record<string, string> = { 'x-repo-commit': snapshot.commit }
  if (file.lfs !== null) {
    headers['x-linked-etag'] = `"${file.lfs.sha256}"`
    headers['x-linked-size'] = String(file.size)
  }
  if (stored !== null) {
    const xet = xetAddresses(request, snapshot, `${casUrlFor(hub, request, caller)}/v1/reconstructions/${stored.hash}`)
    headers['x-xet-hash'] = stored.hash
    headers.link = `<${xet.refreshUrl}>; rel="xet-auth", <${xet.reconstructionUrl}>; rel="xet-reconstruction-info"`
    if (request.method === 'GET' && (request.headers.accept ?? '').includes(XET_INFO)) {
      reply.headers({ ...headers, etag: `"${etagOf(file)}"`, 'accept-ranges': 'bytes' }).type(XET_INFO)
      return reply.send(JSON.stringify({ hash: stored.hash, ...xet }))
    }
  }
  return replyFile(request, reply, {
    path: file.path,
    size: file.size,
    etag: etagOf(file),
    headers,
    download: isTrue((request.query as Record<string, unknown>).download),
    open: (range) => snapshot.open(file, stored, range),
    onFailure: (error) => withPlace(error, file, snapshot),
  })
}

/** Names the file when its bytes turn out damaged before the first is sent. */
function withPlace(error: unknown, file: FileEntry, { commit }: Snapshot): unknown {
  if (!(error instanceof AppError) || error.kind !== 'damaged' || file.lfs === null) return error
  const { message, data } = contentMissing(file.path, file.lfs.sha256, commit)
  return new AppError('damaged', error.code, `${message} (${error.message})`, { data, cause: error })
}

function xetAddresses(request: FastifyRequest, { repo, commit }: Snapshot, reconstructionUrl: string) {
  return { refreshUrl: `${originOf(request)}${apiPath(repo)}/xet-read-token/${commit}`, reconstructionUrl }
}

function etagOf({ lfs, oid }: FileEntry): string {
  return lfs?.sha256 ?? oid
}
