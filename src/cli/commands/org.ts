/** `xorbit org create|ls|rm|add|remove`: organisations of this server and who is in them. */
import { type Admin, parseRole } from '../../actions/admin.ts'
import { withAdmin } from '../../actions/open-admin.ts'
import { homeFolder } from '../../base/config.ts'
import type { Flags, Io } from '../output.ts'

export async function run([verb, org = '', user = '']: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const work = async (admin: Admin) => {
    if (verb === 'ls') return list(admin, io)
    const done = await change(admin, [verb ?? '', org, user], flags)
    io.event('done', { org, ...(user === '' ? {} : { user }) })
    io.line(io.quiet ? org : done)
  }
  await withAdmin(home, work, { isReading: verb !== 'create' })
}

async function change(admin: Admin, [verb, org, user]: [string, string, string], flags: Flags): Promise<string> {
  switch (verb) {
    case 'create':
      await admin.createOrg(org)
      return `made organisation ${org}: add members with xorbit org add ${org} USER --role read|write|admin`
    case 'add': {
      const role = parseRole((flags.role as string | undefined) ?? 'read')
      await admin.setMember({ org, user, role })
      return `${user} is in ${org} with role ${role}`
    }
    case 'remove':
      await admin.removeMember({ org, user })
      return `${user} is no longer in ${org}`
    default:
      await admin.removeOrg(org)
      return `removed ${org}: its robots' tokens have ended; it owned no repositories`
  }
}

async function list(admin: Admin, io: Io): Promise<void> {
  for (const { name, createdMs, members, repoCount } of await admin.listOrgs()) {
    io.event('org', { org: name, created: new Date(createdMs).toISOString(), members, repos: repoCount })
    const people = members.map((member) => `${member.name} (${member.role})`).join(', ')
    io.line(io.quiet ? name : `${name.padEnd(24)} ${repoCount} repositories; ${people === '' ? 'no members' : people}`)
  }
}
