/**
 * Every write that an answer acknowledges has its line in the audit log before the answer goes out. What is not known to
 * change nothing counts as a write, so that a new route is audited unless somebody says otherwise here. Administration
 * (`/-/`) writes its own lines, in one transaction with the change (actions/admin.ts).
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Accounts } from '../../hub/accounts.ts'
import type { Actor, Deed } from '../../hub/audit-log.ts'
import { ANONYMOUS, type Caller } from '../../hub/caller.ts'
import { addressOf } from './address.ts'
import { findIdentity } from './identity.ts'

/** Method and route, as patterns, and what a line calls it. */
const ACTIONS: readonly (readonly [route: RegExp, action: string])[] = [
  [/^POST \/api\/repos\/create$/, 'repo.create'],
  [/^DELETE \/api\/repos\/delete$/, 'repo.delete'],
  [/^POST \/api\/repos\/move$/, 'repo.move'],
  [/^PUT \/api\/.*\/settings$/, 'repo.settings'],
  [/^POST \/api\/.*\/:name\/duplicate$/, 'repo.duplicate'],
  [/^POST \/api\/.*\/commit\/\*$/, 'commit'],
  [/^POST \/api\/.*\/branch\/\*$/, 'branch.create'],
  [/^DELETE \/api\/.*\/branch\/\*$/, 'branch.delete'],
  [/^POST \/api\/.*\/tag\/\*$/, 'tag.create'],
  [/^DELETE \/api\/.*\/tag\/\*$/, 'tag.delete'],
  [/^POST \/api\/.*\/super-squash\/\*$/, 'squash'],
  [/^POST \/api\/.*\/lfs-files\/batch$/, 'lfs.delete'],
  [/^POST \/api\/.*\/lfs-files\/duplicate$/, 'lfs.duplicate'],
  [/^\w+ \/api\/.*\/discussions/, 'discussion'],
  [/^\w+ \/.*(user-access-request|ask-access)/, 'access-request'],
]

/** Questions with a body; bytes, which no commit names yet; and what writes lines of its own. */
export const UNAUDITED: readonly RegExp[] = [
  /^(GET|HEAD|OPTIONS|TRACE) /,
  /^\w+ \/(cas|-)\//,
  /^POST \/v1\/telemetry$/,
  /^POST \/(oai\/)?v1\/chat\/completions$/,
  /^POST \/api\/validate-yaml$/,
  /^POST \/api\/.*\/(paths-info|preupload)\/\*$/,
  /^\w+ \/.*\/info\/lfs\//,
]

const notes = new WeakMap<FastifyRequest, Partial<Deed>>()

/** What only the handler knows, such as the repository that a body named. */
export function noteDeed(request: FastifyRequest, deed: Partial<Deed>): void {
  notes.set(request, { ...notes.get(request), ...deed })
}

export function actorOf({ name, tokenName }: Caller, request: FastifyRequest): Actor {
  return { who: name ?? '-', token: tokenName, from: addressOf(request) }
}

export function addAudit(app: FastifyInstance, accounts: Accounts): void {
  app.addHook('onSend', async (request, reply) => {
    const { url } = request.routeOptions
    const route = `${request.method} ${url}`
    if (url === undefined || reply.statusCode >= 300 || UNAUDITED.some((pattern) => pattern.test(route))) return
    const caller = findIdentity(accounts, request) ?? ANONYMOUS
    accounts.audit.append(actorOf(caller, request), deedOf(request, route))
  })
}

/** What a line calls a request of this route; null where nobody has named it yet. */
export function actionOf(route: string): string | null {
  return ACTIONS.find(([pattern]) => pattern.test(route))?.[1] ?? null
}

function deedOf(request: FastifyRequest, route: string): Deed {
  const { ns, name, '*': rest } = request.params as Readonly<Record<string, string | undefined>>
  const type = /^\/(?:api\/)?(datasets|spaces)\//.exec(request.routeOptions.url ?? '')?.[1]
  const repo = ns === undefined || name === undefined ? '-' : `${type === undefined ? '' : `${type}/`}${ns}/${name}`
  const action = actionOf(route) ?? route
  const { details, ...noted } = notes.get(request) ?? {}
  return { action, what: repo, ...noted, details: { ...(rest === undefined ? {} : { ref: rest }), ...details } }
}
