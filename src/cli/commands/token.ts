/** `xorbit token create|ls|revoke`: keys of this server. */
import { type Admin, type ListedToken, parseScope } from '../../actions/admin.ts'
import { withAdmin } from '../../actions/open-admin.ts'
import { AppError } from '../../base/app-error.ts'
import { homeFolder } from '../../base/config.ts'
import type { Flags, Io } from '../output.ts'

export async function run([verb, id]: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const work = async (admin: Admin) => {
    if (verb === 'create') await create(admin, flags, io)
    else if (verb === 'ls') await list(admin, flags, io)
    else await revoke(admin, id as string, io)
  }
  await withAdmin(home, work, { isReading: verb !== 'create' })
}

async function create(admin: Admin, flags: Flags, io: Io): Promise<void> {
  const owner = (flags.user ?? flags.org) as string | undefined
  if (owner === undefined || (flags.user !== undefined && flags.org !== undefined)) {
    throw new AppError(
      'usage',
      'FLAG_MISSING',
      'Say whose token it is with --user NAME, or whose robot with --org NAME',
    )
  }
  const issued = await admin.createToken(owner, {
    scope: parseScope((flags.scope as string | undefined) ?? 'write'),
    name: flags.name as string | undefined,
    repos: flags.repo as readonly string[] | undefined,
    days: flags.expires === undefined ? undefined : parseDays(flags.expires as string),
  })
  const { id, user, scope, name, token, repos, expiresMs } = issued
  const expires = expiresMs === null ? null : formatDay(expiresMs)
  io.event('token', { id, user, scope, name, repos, expires, token })
  io.line(
    io.quiet
      ? token
      : `${user} ${name} (${[scope, ...limitsOf(issued)].join(', ')})\n${token}\nKeep it: it is not shown again.`,
  )
}

async function list(admin: Admin, flags: Flags, io: Io): Promise<void> {
  for (const info of await admin.listTokens((flags.user ?? flags.org) as string | undefined)) {
    const { id, user, name, scope, repos } = info
    const [created, used, expires] = [info.createdMs, info.usedMs, info.expiresMs].map(formatDayOrNull)
    io.event('token', { id, user, name, scope, repos, created, used, expires })
    const facts = [`made ${created}, used ${used ?? 'never'}`, ...limitsOf(info)].join(', ')
    io.line(io.quiet ? id : `${id}  ${user.padEnd(16)} ${name.padEnd(16)} ${scope.padEnd(9)} ${facts}`)
  }
}

async function revoke(admin: Admin, id: string, io: Io): Promise<void> {
  await admin.revokeToken(id)
  io.event('done', { revoked: id })
  io.line(io.quiet ? id : `revoked ${id}`)
}

function limitsOf({ repos, expiresMs }: Pick<ListedToken, 'repos' | 'expiresMs'>): string[] {
  const only = repos === null ? [] : [`only ${repos.join(' ') || 'repositories that are gone'}`]
  return [...only, ...(expiresMs === null ? [] : [`ends ${formatDay(expiresMs)}`])]
}

function parseDays(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new AppError('usage', 'FLAG_INVALID', `--expires ${text.slice(0, 50)}: a number of days`)
}

function formatDayOrNull(ms: number | null): string | null {
  return ms === null ? null : formatDay(ms)
}

function formatDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}
