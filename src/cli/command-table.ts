/**
 * The words of the command line as data: what exists, its flags and its one-line summary. `--help` needs no more than
 * this; the code of a command is imported when it is named. The rows lie in command-tables/, one file a topic.
 */
import type { CommandRow } from './command-row.ts'
import { ACCOUNTS_COMMANDS } from './command-tables/accounts.ts'
import { CACHE_COMMANDS } from './command-tables/cache.ts'
import { CARE_COMMANDS } from './command-tables/care.ts'
import { SERVER_COMMANDS } from './command-tables/server.ts'
import { TOOLS_COMMANDS } from './command-tables/tools.ts'
import { TRANSFER_COMMANDS } from './command-tables/transfer.ts'
import { XET_COMMANDS } from './command-tables/xet.ts'

/** It says the others, so it stands here. */
const COMPLETION: CommandRow = {
  words: 'completion',
  args: '<shell>',
  summary: 'a script that completes words and flags in bash, zsh or fish',
  flags: [],
  withoutSettings: true,
  async load() {
    const { completion } = await import('./commands/completion.ts')
    return completion(COMMANDS, GROUPS)
  },
}

/** In the order of `--help`. */
export const COMMANDS: readonly CommandRow[] = [
  ...TRANSFER_COMMANDS,
  ...CACHE_COMMANDS,
  ...SERVER_COMMANDS,
  ...ACCOUNTS_COMMANDS,
  ...CARE_COMMANDS,
  ...XET_COMMANDS,
  ...TOOLS_COMMANDS,
  COMPLETION,
]

/** What the first of two words is about. */
export const GROUPS: Readonly<Record<string, string>> = {
  auth: 'who one is towards a Hub',
  user: 'users of this server',
  org: 'organisations of this server and their members',
  token: 'keys of this server',
  repo: 'repositories of a Hub',
  cache: 'the Hugging Face cache of this machine',
  xet: 'the formats by hand',
  config: 'settings of this user',
}
