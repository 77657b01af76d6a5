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
  const owner = flags.user as string | undefined
  if (owner === undefined) throw new AppError('usage', 'FLAG_MISSING', 'Say whose token it is with --user NAME')
  const scope = parseScope((flags.scope as string | undefined) ?? 'write')
  const { id, user, name, token } = await admin.createToken(owner, { scope, name: flags.name as string | undefined })
  io.event('token', { id, user, scope, name, token })
  io.line(io.quiet ? token : `${user} ${name} (${scope})\n${token}\nKeep it: it is not shown again.`)
}

async function list(admin: Admin, flags: Flags, io: Io): Promise<void> {
  for (const info of await admin.listTokens(flags.user as string | undefined)) {
    const { id, user, name, scope } = info
    const [created, used] = [formatDay(info.createdMs), info.usedMs === null ? null : formatDay(info.usedMs)]
    io.event('token', { id, user, name, scope, created, used })
    io.line(io.quiet ? id : row({ ...info, created, used }))
  }
}

async function revoke(admin: Admin, id: string, io: Io): Promise<void> {
  await admin.revokeToken(id)
  io.event('done', { revoked: id })
  io.line(io.quiet ? id : `revoked ${id}`)
}

function row({ id, user, name, scope, created, used }: ListedToken & { created: string; used: string | null }): string {
  return `${id}  ${user.padEnd(16)} ${name.padEnd(16)} ${scope.padEnd(9)} made ${created}, used ${used ?? 'never'}`
}

function formatDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}
