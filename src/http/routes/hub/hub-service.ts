/** What the Hub and LFS routes need, put together by app, and who is asking. */
import type { FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { casUrl } from '../../../cas/cas-address.ts'
import type { CasFiles } from '../../../cas/cas-files.ts'
import type { Epoch } from '../../../cas/epoch.ts'
import type { Accounts } from '../../../hub/accounts.ts'
import { ANONYMOUS, type Caller, hasScope } from '../../../hub/caller.ts'
import type { FactsKeeper } from '../../../hub/facts-keeper.ts'
import { badCredentials } from '../../../hub/hub-error.ts'
import type { LargeFileList } from '../../../hub/large-file-list.ts'
import type { LfsParts } from '../../../hub/lfs-parts.ts'
import type { PullRequests } from '../../../hub/pull-requests.ts'
import type { RepoChanges } from '../../../hub/repo-changes.ts'
import type { RepoReader } from '../../../hub/repo-reader.ts'
import type { RepoWriter } from '../../../hub/repo-writer.ts'
import type { WeightHeaders } from '../../../hub/weight-headers.ts'
import { addressOf } from '../../guards/address.ts'
import { findIdentity } from '../../guards/identity.ts'
import { originOf } from '../../origin.ts'

export interface HubService {
  readonly accounts: Accounts
  readonly reader: RepoReader
  readonly writer: RepoWriter
  readonly pulls: PullRequests
  readonly changes: RepoChanges
  readonly facts: FactsKeeper
  readonly largeFiles: LargeFileList
  readonly headers: WeightHeaders
  readonly parts: LfsParts
  readonly files: CasFiles
  readonly clock: Clock
  readonly log: Log
  /** Signs CAS tokens: the CAS routes read them with the same key. */
  readonly casTokenKey: Uint8Array
  readonly epoch: Epoch
}

/** Who asks; a token that is not ours throws, and is noted. */
export async function callerOf({ accounts }: Pick<HubService, 'accounts'>, request: FastifyRequest): Promise<Caller> {
  const caller = findIdentity(accounts, request)
  if (caller !== null) return caller
  accounts.audit.loginFailed(addressOf(request))
  throw badCredentials()
}

/** For what needs someone: throws for whoever is not signed in. */
export async function signedIn(hub: HubService, request: FastifyRequest): Promise<Caller> {
  const caller = await callerOf(hub, request)
  if (caller.name === null) throw new AppError('unauthorized', 'SIGN_IN_FIRST', 'Invalid username or password.')
  return caller
}

/** For whom the CAS answers: a token that may not read gives no more than none. */
export function casAccountOf(caller: Caller): string {
  return hasScope(caller, 'read') ? caller.account : ANONYMOUS.account
}

/** The CAS as the caller sees it, at the address the client used. */
export function casUrlFor({ epoch }: HubService, request: FastifyRequest, caller: Caller): string {
  return casUrl(originOf(request), epoch.current(), casAccountOf(caller))
}
