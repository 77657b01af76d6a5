/** What the OpenAI routes need, put together by app, and who may use them. */
import type { FastifyRequest } from 'fastify'
import type { ServedModels } from '../../../actions/served-models.ts'
import { AppError } from '../../../base/app-error.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { Accounts } from '../../../hub/accounts.ts'
import { hasScope } from '../../../hub/caller.ts'
import { lacksScope } from '../../../hub/hub-error.ts'
import { isOwnMachine } from '../../guards/own-machine.ts'
import { callerOf } from '../hub/hub-service.ts'

export interface OpenAiService {
  readonly models: Pick<ServedModels, 'list' | 'get'>
  readonly accounts: Accounts
  readonly clock: Clock
  readonly log: Log
}

/** A token of scope inference; on one's own machine whatever key the client makes up, since its library wants one. */
export async function checkMayInfer({ accounts }: OpenAiService, request: FastifyRequest): Promise<void> {
  if (isOwnMachine(accounts, request)) return
  const caller = await callerOf({ accounts }, request)
  if (hasScope(caller, 'inference')) return
  if (caller.name !== null) throw lacksScope(caller, 'use models')
  throw new AppError('unauthorized', 'TOKEN_MISSING', 'This needs a token of scope inference as API key')
}
