/** The Hub's API, resource by resource. */
import type { FastifyInstance } from 'fastify'
import { accessRequestRoutes } from './access-requests.ts'
import { branchRoutes } from './branches.ts'
import { commitRoutes } from './commit.ts'
import { commitsRoutes } from './commits.ts'
import { compareRoutes } from './compare.ts'
import { discussionRoutes } from './discussions.ts'
import type { HubService } from './hub-service.ts'
import { infoRoutes } from './info.ts'
import { largeFileRoutes } from './large-files.ts'
import { listingRoutes } from './listings.ts'
import { followMoves } from './moved.ts'
import { namespaceRoutes } from './namespaces.ts'
import { pathsInfoRoutes } from './paths-info.ts'
import { preuploadRoutes } from './preupload.ts'
import { refsRoutes } from './refs.ts'
import { reposRoutes } from './repos.ts'
import { resolveRoutes } from './resolve.ts'
import { safetensorsRoutes } from './safetensors.ts'
import { settingsRoutes } from './settings.ts'
import { treeRoutes } from './tree.ts'
import { validateYamlRoutes } from './validate-yaml.ts'
import { whoamiRoutes } from './whoami.ts'
import { xetTokenRoutes } from './xet-tokens.ts'

export function hubRoutes(app: FastifyInstance, hub: HubService): void {
  followMoves(app, hub)
  whoamiRoutes(app, hub)
  reposRoutes(app, hub)
  listingRoutes(app, hub)
  infoRoutes(app, hub)
  treeRoutes(app, hub)
  pathsInfoRoutes(app, hub)
  refsRoutes(app, hub)
  commitsRoutes(app, hub)
  branchRoutes(app, hub)
  compareRoutes(app, hub)
  discussionRoutes(app, hub)
  settingsRoutes(app, hub)
  accessRequestRoutes(app, hub)
  largeFileRoutes(app, hub)
  safetensorsRoutes(app, hub)
  namespaceRoutes(app, hub)
  xetTokenRoutes(app, hub)
  preuploadRoutes(app, hub)
  commitRoutes(app, hub)
  validateYamlRoutes(app)
  resolveRoutes(app, hub)
}
