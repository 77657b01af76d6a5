/**
 * Care of a running server's store: sweep, scrub, backup, diagnosis. Every route wants a token of scope `admin`. A job
 * takes as long as it takes: blank lines keep the connection alive, then comes one JSON object, `{result}` or `{error}`.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Care } from '../../../actions/care.ts'
import { AppError } from '../../../base/app-error.ts'
import type { Clock } from '../../../base/clock.ts'
import { toAppError } from '../../../base/error-table.ts'
import type { Log } from '../../../base/log.ts'
import type { Accounts } from '../../../hub/accounts.ts'
import { type Caller, hasScope } from '../../../hub/caller.ts'
import { actorOf } from '../../guards/audit.ts'
import { readJson } from '../../guards/body.ts'
import { OBJECT_LIST_BYTES_MAX, SMALL_BODY_BYTES_MAX } from '../../limits.ts'
import type { AdminService } from './admin.ts'

export interface CareRouteParts {
  readonly care: Care
  readonly admin: Pick<AdminService, 'callerOf'>
  readonly hub: { readonly accounts: Pick<Accounts, 'audit'> }
  readonly clock: Clock
  readonly log: Log
}

const HEARTBEAT_MS = 5_000
const GC = z.object({ dryRun: z.boolean().default(false), now: z.boolean().default(false) })
const SCRUB = z.object({ bytesPerSecond: z.number().positive().optional(), restart: z.boolean().default(false) })
const REPAIR = z.object({
  endpoint: z.url({ protocol: /^https?$/ }),
  token: z.string().max(4096).nullable(),
  files: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(10_000),
})
const BACKUP = z.object({ folder: z.string(), link: z.boolean().default(false) })

export function careRoutes(app: FastifyInstance, { care, admin, hub, clock, log }: CareRouteParts): void {
  app.addHook('preHandler', async (request) => checkAdmin(await admin.callerOf(request)))
  const reply = (to: FastifyReply, job: (signal: AbortSignal) => Promise<unknown>) => {
    const gone = new AbortController()
    to.raw.once('close', () => gone.abort())
    return to.type('application/json').send(Readable.from(linesOf(job(gone.signal), { clock, log })))
  }

  /** Writes the line of the audit log when it is called. */
  const noteFor = async (request: FastifyRequest, action: string, details: Record<string, unknown>) => {
    const actor = actorOf(await admin.callerOf(request), request)
    return () => hub.accounts.audit.append(actor, { action, what: '-', details })
  }

  app.post('/gc', async (request, to) => {
    const options = await readJson(request, SMALL_BODY_BYTES_MAX, GC)
    const noteGc = await noteFor(request, 'store.gc', { now: options.now })
    return reply(to, (signal) => care.gc({ ...options, onBegin: noteGc, signal }))
  })

  app.post('/scrub', async (request, to) => {
    const { bytesPerSecond, restart } = await readJson(request, SMALL_BODY_BYTES_MAX, SCRUB)
    const noteScrub = await noteFor(request, 'store.scrub', { restart })
    noteScrub()
    return reply(to, (signal) => care.scrub({ bytesPerSecond, restart, signal }))
  })

  app.post('/backup', async (request, to) => {
    const options = await readJson(request, SMALL_BODY_BYTES_MAX, BACKUP)
    const noteBackup = await noteFor(request, 'store.backup', { folder: options.folder })
    noteBackup()
    return reply(to, (signal) => care.backup({ ...options, signal }))
  })

  app.post('/repair', async (request, to) => {
    const options = await readJson(request, OBJECT_LIST_BYTES_MAX, REPAIR)
    const noteRepair = await noteFor(request, 'store.repair', { from: options.endpoint })
    noteRepair()
    return reply(to, (signal) => care.repair({ ...options, signal }))
  })

  app.post('/doctor', async (_request, to) => reply(to, () => care.doctor()))
}

function checkAdmin(caller: Caller): void {
  if (caller.name === null) throw new AppError('unauthorized', 'TOKEN_MISSING', 'This needs a token of scope admin')
  if (!hasScope(caller, 'admin')) throw new AppError('forbidden', 'SCOPE_MISSING', 'This needs a token of scope admin')
}

async function* linesOf(job: Promise<unknown>, { clock, log }: { clock: Clock; log: Log }): AsyncGenerator<string> {
  let ended: string | null = null
  const end = job.then(
    (result) => {
      ended = JSON.stringify({ result })
    },
    (thrown: unknown) => {
      const { kind, code, message } = toAppError(thrown)
      if (kind === 'bug') log.error({ err: thrown }, 'care of the store failed')
      ended = JSON.stringify({ error: { kind, code, message } })
    },
  )
  while (ended === null) {
    const cancel = new AbortController()
    const rest = clock.sleep(HEARTBEAT_MS, cancel.signal).then(
      () => true,
      (reason: unknown) => reason,
    )
    await Promise.race([end, rest])
    cancel.abort()
    if (ended === null) yield '\n'
  }
  yield `${ended}\n`
}
