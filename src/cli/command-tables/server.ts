/** The server itself, and what tells about the program. */
import type { CommandRow } from '../command-row.ts'
import { HOME } from './shared-flags.ts'

export const SERVER_COMMANDS: readonly CommandRow[] = [
  {
    words: 'serve',
    args: '[models...]',
    summary: 'run the server in the foreground; models named (folders, GGUF files) answer at /v1',
    flags: [
      HOME,
      ['--public-url <url>', 'address of a proxy before this server, such as https://hub.example; it must keep Host'],
      ['--port <number>', 'port to listen on, 0 for a free one (default: 9672)'],
      ['--host <address>', 'address to listen on (default: 127.0.0.1)'],
      ['--allow-host <name>', 'further host name under which clients reach this server', 'repeatable'],
      ['--user <name>', 'name of the first user of a new home (default: admin)'],
      ['--quota-repos <n>', 'repositories that a namespace may hold (default: 1000000)'],
      ['--quota-bytes <n>', 'bytes that a namespace may hold, such as 500G (default: 1024T)'],
      [
        '--rate-limit <bucket=n>',
        'requests of one client in 5 minutes: api=, resolvers=, pages=; 0 for no limit; may be given several times',
        'repeatable',
      ],
    ],
    load: () => import('../commands/serve.ts'),
  },
  {
    words: 'demo',
    args: '',
    summary: 'a Hub, a push, an edit, a pull, a damaged byte and its repair, in under a minute',
    flags: [['--keep', 'leave the temporary folder']],
    load: () => import('../commands/demo.ts'),
  },
  {
    words: 'version',
    args: '',
    summary: 'versions of xorbit, Node and the parts',
    flags: [],
    load: () => import('../commands/version.ts'),
  },
]
