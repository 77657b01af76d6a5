/**
 * Our own extension: a file's chunk hashes and lengths, 36 bytes a chunk, so that a client can check every chunk before
 * it keeps it. And the resource of partial edits, which we do not have.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { chunkListBytes, listChunks } from '../../../cas/chunk-lists.ts'
import { getReadableFile } from '../../../cas/reconstruct.ts'
import { parseHash } from '../../../xet/hash.ts'
import { authorize, type CasPath, type CasService } from './cas-service.ts'

export function chunkListRoutes(app: FastifyInstance, cas: CasService): void {
  app.get<{ Params: CasPath }>('/x/chunk-lists/:hash', async (request, reply) => {
    const account = authorize(cas, request, 'read')
    const file = await getReadableFile(cas.holdings, account, parseHash<'file'>(request.params.hash))
    reply.headers({ 'content-type': 'application/octet-stream', 'content-length': chunkListBytes(file) })
    return reply.send(Readable.from(listChunks(cas.holdings, file), { objectMode: false }))
  })

  app.get<{ Params: CasPath }>('/v2/file-chunk-hashes/:hash', async (request) => {
    authorize(cas, request, 'read')
    throw new AppError('not-found', 'PARTIAL_EDIT_UNKNOWN', 'Partial edits are not served: upload the file')
  })
}
