/** The CAS under `/cas/:epoch/:account`: one file per resource. */
import type { FastifyInstance } from 'fastify'
import type { CasService } from './cas-service.ts'
import { chunkListRoutes } from './chunk-lists.ts'
import { chunkRoutes } from './chunks.ts'
import { grantRoutes } from './grants.ts'
import { reconstructionRoutes } from './reconstructions.ts'
import { shardRoutes } from './shards.ts'
import { xorbRoutes } from './xorbs.ts'

export function casRoutes(app: FastifyInstance, cas: CasService): void {
  for (const add of [xorbRoutes, grantRoutes, shardRoutes, reconstructionRoutes, chunkRoutes, chunkListRoutes]) {
    add(app, cas)
  }
}
