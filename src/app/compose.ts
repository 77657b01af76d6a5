/** Puts the concrete parts of a server together over one home. No behaviour of its own. */
import { join } from 'node:path'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AccountsAdmin } from '../actions/admin.ts'
import { LocalCare } from '../actions/care.ts'
import { openStore, type Store } from '../actions/open-store.ts'
import { ServedModels } from '../actions/served-models.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Metrics } from '../base/metrics.ts'
import type { RecordWork } from '../cas/record-work.ts'
import type { ProcessStarter } from '../git/git-process.ts'
import { actorOf } from '../http/guards/audit.ts'
import type { Pace } from '../http/guards/pace.ts'
import type { RateLimits } from '../http/guards/rate-limit.ts'
import { originOf } from '../http/origin.ts'
import type { CasService } from '../http/routes/cas/cas-service.ts'
import { callerOf, type HubService } from '../http/routes/hub/hub-service.ts'
import type { Health } from '../http/routes/system/health.ts'
import { createServer } from '../http/server.ts'
import type { Accounts } from '../hub/accounts.ts'
import type { Caller } from '../hub/caller.ts'
import { FactsKeeper } from '../hub/facts-keeper.ts'
import { GitRepoReader } from '../hub/git-repo-reader.ts'
import { GitRepoWriter } from '../hub/git-repo-writer.ts'
import { LargeFileList } from '../hub/large-file-list.ts'
import { type LfsPartLimits, LfsParts } from '../hub/lfs-parts.ts'
import { PullRequests } from '../hub/pull-requests.ts'
import type { QuotaLimits } from '../hub/quotas.ts'
import { RepoChanges } from '../hub/repo-changes.ts'
import { WeightHeaders } from '../hub/weight-headers.ts'
import type { CommitterApart } from '../store/catalog-change.ts'

export interface Composition {
  readonly store: Store
  readonly accounts: Accounts
  readonly models: ServedModels
  readonly server: FastifyInstance
  close(): Promise<void>
}

/** What namespaces may hold and clients may ask, where not the usual. */
export interface ServerLimits {
  readonly rates?: Partial<RateLimits>
  readonly quotas?: Partial<QuotaLimits>
}

export interface ComposeOptions {
  readonly home: string
  readonly allowedHosts: readonly string[]
  readonly health: Health
  readonly limits?: ServerLimits | undefined
  readonly clock: Clock
  readonly log: Log
  /** Tests make parts small and windows short. */
  readonly lfsParts?: LfsPartLimits
  readonly pace?: Pace
  /** Who touches every byte, starts git, commits to the catalog: this thread and process unless given. All are closed. */
  readonly work?: RecordWork
  readonly starter?: ProcessStarter
  readonly committer?: CommitterApart
}

/** Opens the databases, the blobs and the repositories; the caller holds the lock of the home. */
export async function compose({
  home,
  allowedHosts,
  health,
  limits = {},
  clock,
  log,
  lfsParts,
  pace,
  work,
  starter,
  committer,
}: ComposeOptions): Promise<Composition> {
  const store = await openStore({ home, clock, log, work, starter, committer })
  const { accounts, holdings, files, repositories } = store
  accounts.quotas.limit(limits.quotas ?? {})
  const { epoch } = accounts
  const reader = new GitRepoReader({ accounts, repositories, files })
  const facts = new FactsKeeper({ accounts, repositories, reader, log })
  const pulls = new PullRequests({ accounts, repositories, reader, facts, clock })
  const writer = new GitRepoWriter({ accounts, repositories, reader, files, pulls, facts, clock, log })
  const largeFiles = new LargeFileList(repositories)
  const changes = new RepoChanges({ accounts, repositories, files, largeFiles, facts })
  const cas: CasService = {
    holdings,
    signingKey: accounts.secret('signed-url'),
    tokenKey: accounts.secret('cas-token'),
    isGranted: (grant) => accounts.isGoodToken(grant),
    epoch,
    originOf,
    clock,
    log,
  }
  const hub: HubService = {
    ...{ accounts, reader, writer, files, pulls, facts, changes, largeFiles, clock, log, epoch },
    headers: new WeightHeaders(accounts.facts),
    parts: await LfsParts.create(join(home, 'blobs', 'tmp', 'lfs'), { clock, limits: lfsParts }),
    casTokenKey: cas.tokenKey,
  }
  const admin = {
    adminFor: (caller: Caller, request: FastifyRequest) =>
      new AccountsAdmin({ accounts, clock, actor: actorOf(caller, request) }),
    callerOf: (request: FastifyRequest) => callerOf(hub, request),
  }
  const metrics = new Metrics()
  const models = new ServedModels()
  const care = new LocalCare(store)
  const guards = { rates: limits.rates, pace, allowedHosts }
  const server = createServer({ cas, hub, admin, care, models, health, metrics, clock, log, ...guards })
  return {
    store,
    accounts,
    models,
    server,
    async close() {
      await server.close()
      await models[Symbol.asyncDispose]()
      await store.close()
    },
  }
}
