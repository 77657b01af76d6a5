/** Who may use a server. */
import { type CommandRow, verb } from '../command-row.ts'
import { HOME, SCOPE } from './shared-flags.ts'

export const ACCOUNTS_COMMANDS: readonly CommandRow[] = [
  {
    words: 'user create',
    args: '<name>',
    summary: 'add a user to this server and print a token',
    flags: [HOME, SCOPE],
    load: verb('create', () => import('../commands/user.ts')),
  },
  {
    words: 'user ls',
    args: '',
    summary: 'users of this server',
    flags: [HOME],
    load: verb('ls', () => import('../commands/user.ts')),
  },
  {
    words: 'user rm',
    args: '<name>',
    summary: 'remove a user who owns no repositories; their tokens end at once',
    flags: [HOME],
    load: verb('rm', () => import('../commands/user.ts')),
  },
  {
    words: 'org create',
    args: '<org>',
    summary: 'make an organisation',
    flags: [HOME],
    load: verb('create', () => import('../commands/org.ts')),
  },
  {
    words: 'org ls',
    args: '',
    summary: 'organisations and their members',
    flags: [HOME],
    load: verb('ls', () => import('../commands/org.ts')),
  },
  {
    words: 'org rm',
    args: '<org>',
    summary: 'remove an organisation that owns no repositories',
    flags: [HOME],
    load: verb('rm', () => import('../commands/org.ts')),
  },
  {
    words: 'org add',
    args: '<org> <user>',
    summary: 'add a user to an organisation, or change the role',
    flags: [HOME, ['--role <role>', 'read, write or admin (default: read)']],
    load: verb('add', () => import('../commands/org.ts')),
  },
  {
    words: 'org remove',
    args: '<org> <user>',
    summary: 'take a user out of an organisation',
    flags: [HOME],
    load: verb('remove', () => import('../commands/org.ts')),
  },
  {
    words: 'audit',
    args: '',
    summary: 'who changed what on this server, when, from where',
    flags: [HOME, ['--since <when>', 'a moment like 2026-11-21, or a span like 24h']],
    load: () => import('../commands/audit.ts'),
  },
  {
    words: 'token create',
    args: '',
    summary: 'make a further token for a user, or one for a robot of an organisation',
    flags: [
      HOME,
      SCOPE,
      ['--user <name>', 'whose it is'],
      ['--org <name>', 'make it a robot of this organisation'],
      ['--name <label>', 'what `token ls` shows'],
      [
        '--repo <repo>',
        'only for this: NS/NAME, datasets/NS/NAME, spaces/NS/NAME; may be given several times',
        'repeatable',
      ],
      ['--expires <days>', 'it ends after so many days (default: never)'],
    ],
    load: verb('create', () => import('../commands/token.ts')),
  },
  {
    words: 'token ls',
    args: '',
    summary: 'tokens of this server, with their last use and their end',
    flags: [HOME, ['--user <name>', 'only this user'], ['--org <name>', 'only robots of this organisation']],
    load: verb('ls', () => import('../commands/token.ts')),
  },
  {
    words: 'token revoke',
    args: '<id>',
    summary: 'end a token at once',
    flags: [HOME],
    load: verb('revoke', () => import('../commands/token.ts')),
  },
]
