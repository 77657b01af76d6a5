/** The headers of all files of a sharded model in one answer. */
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { checkFiles } from '../../../hub/access.ts'
import { entryNotFound } from '../../../hub/hub-error.ts'
import { decodeSegment } from '../../../hub/revision.ts'
import { findShards } from '../../../hub/weight-headers.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { REPO_ROUTES, rawRest, repoIdOf } from './repo-path.ts'

const INDEX_BYTES_MAX = 16 * 1024 * 1024
/** Of all headers together. */
const HEADERS_BYTES_MAX = 64 * 1024 * 1024

export function safetensorsRoutes(app: FastifyInstance, hub: HubService): void {
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/safetensors-metadata`
    app.get(`${route}/*`, async (request, reply) => {
      const caller = await callerOf(hub, request)
      const snapshot = await hub.reader.at(caller, repoIdOf(request, type), 'main')
      checkFiles(hub.accounts, caller, snapshot.repo)
      const path = rawRest(request, route).split('/').map(decodeSegment).join('/')
      const text = await snapshot.findText(path, INDEX_BYTES_MAX)
      if (text === null) throw entryNotFound(path, 'main', snapshot.commit)
      const shards = await findShards(snapshot, path)
      if (shards === null) throw new AppError('malformed', 'WEIGHTS_INDEX_BAD', `${path} names no files that are here`)
      const headers: [string, string][] = []
      let bytes = 0
      for (const shard of shards) {
        const json = await hub.headers.readHeader(snapshot, shard)
        bytes += json.length
        if (bytes > HEADERS_BYTES_MAX) {
          throw new AppError(
            'too-large',
            'WEIGHTS_HEADER_TOO_LARGE',
            `The headers have more than ${HEADERS_BYTES_MAX} bytes`,
          )
        }
        headers.push([shard.path, Buffer.from(json).toString('utf8')])
      }
      const { metadata } = JSON.parse(text) as { metadata?: unknown }
      // Checked as JSON above: what the files say goes out as it is.
      const all = headers.map(([name, header]) => `${JSON.stringify(name)}:${header}`).join(',')
      reply.type('application/json; charset=utf-8').header('x-repo-commit', snapshot.commit)
      return reply.send(`{"index":{"metadata":${JSON.stringify(metadata ?? null)}},"headers":{${all}}}`)
    })
  }
}
