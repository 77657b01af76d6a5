/** `xorbit user create`. */
import { parseScope } from '../../actions/admin.ts'
import { withAdmin } from '../../actions/open-admin.ts'
import { homeFolder } from '../../base/config.ts'
import type { Flags, Io } from '../output.ts'

export async function run([_verb, name]: string[], flags: Flags, io: Io): Promise<void> {
  const home = homeFolder(flags.home as string | undefined, process.env)
  const scope = parseScope((flags.scope as string | undefined) ?? 'write')
  const { user, token } = await withAdmin(home, (admin) => admin.createUser(name as string, scope))
  io.event('user', { user, scope, token })
  io.line(io.quiet ? token : `${user} (${scope})\n${token}\nKeep it: it is not shown again.`)
}
