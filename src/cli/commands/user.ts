/** `xorbit user create|ls|rm`. */
import { type Admin, parseScope } from '../../actions/admin.ts'
import { withAdmin } from '../../actions/open-admin.ts'
import { homeFolder } from '../../base/config.ts'
import type { Flags, Io } from '../output.ts'

export async function run([verb, name = '']: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const work = async (admin: Admin) => {
    if (verb === 'create') await create(admin, name, flags, io)
    else if (verb === 'ls') await list(admin, io)
    else await remove(admin, name, io)
  }
  await withAdmin(home, work, { isReading: verb !== 'create' })
}

async function create(admin: Admin, name: string, flags: Flags, io: Io): Promise<void> {
  const scope = parseScope((flags.scope as string | undefined) ?? 'write')
  const { user, token } = await admin.createUser(name, scope)
  io.event('user', { user, scope, token })
  io.line(io.quiet ? token : `${user} (${scope})\n${token}\nKeep it: it is not shown again.`)
}

async function list(admin: Admin, io: Io): Promise<void> {
  for (const { name, admin: isAdmin, createdMs, orgs, repoCount } of await admin.listUsers()) {
    const created = new Date(createdMs).toISOString()
    io.event('user', { user: name, admin: isAdmin, created, orgs, repos: repoCount })
    const member = orgs.map((org) => `${org.name} (${org.role})`).join(', ')
    const facts = [isAdmin ? 'admin' : 'user', `${repoCount} repositories`, member].filter((fact) => fact !== '')
    io.line(io.quiet ? name : `${name.padEnd(24)} ${facts.join(', ')}`)
  }
}

/** Repositories are nobody's to lose by this: whoever owns some is not removed. */
async function remove(admin: Admin, name: string, io: Io): Promise<void> {
  await admin.removeUser(name)
  io.event('done', { removed: name })
  io.line(io.quiet ? name : `removed ${name}: its tokens and memberships have ended; it owned no repositories`)
}
