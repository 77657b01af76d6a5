/**
 * The words of the command line as data: what exists, its flags and its one-line summary. `--help` needs no more than
 * this; the code of a command is imported when it is named.
 */
import type { Flags, Io } from './output.ts'

export interface CommandRow {
  /** Words before the arguments, such as `user create`. */
  readonly words: string
  readonly args: string
  readonly summary: string
  /** Flags in commander's form, each with its meaning. One value each: a list would eat the arguments after it. */
  readonly flags: readonly (readonly [flag: string, meaning: string, repeatable?: 'repeatable'])[]
  readonly alias?: string
  readonly load: () => Promise<{ run: Run }>
}

export type Run = (args: string[], flags: Flags, io: Io) => Promise<void>

const HOME = ['--home <dir>', 'folder of the server (default: XORBIT_HOME)'] as const
const HUB = [
  ['--endpoint <url>', 'Hub to use (default: HF_ENDPOINT, else the server of this home, else huggingface.co)'],
  ['--token <token>', 'token for the Hub (default: HF_TOKEN, else the stored one)'],
  ['--ca-cert <file>', 'certificate authorities to trust besides the usual ones (default: SSL_CERT_FILE)'],
  HOME,
] as const
const SCOPE = ['--scope <scope>', 'read, write, admin, inference or metrics (default: write)'] as const
const REPO = [
  ['--repo-type <type>', 'model, dataset or space (default: model)'],
  ['--revision <rev>', 'branch, tag or commit (default: main)'],
] as const
const CHOOSE = [
  ['--include <glob>', 'only files that match; may be given several times', 'repeatable'],
  ['--exclude <glob>', 'no files that match; may be given several times', 'repeatable'],
] as const
const PROGRESS = ['--progress <mode>', 'auto, tty, plain, json or none'] as const

export const COMMANDS: readonly CommandRow[] = [
  {
    words: 'serve',
    args: '',
    summary: 'run the server in the foreground',
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
    load: () => import('./commands/serve.ts'),
  },
  {
    words: 'pull',
    args: '<ref> [files...]',
    alias: 'download',
    summary: 'files of a repository into the Hugging Face cache or a folder, every byte verified',
    flags: [
      ...HUB,
      ...REPO,
      ...CHOOSE,
      ['--local-dir <dir>', 'put the files here instead of the cache'],
      ['--cache-dir <dir>', 'the cache to use (default: HF_HUB_CACHE)'],
      ['--max-workers <n>', 'files at once (default: 8)'],
      ['--dry-run', 'say what would be fetched'],
      PROGRESS,
    ],
    load: () => import('./commands/pull.ts'),
  },
  {
    words: 'push',
    args: '<repo> [paths...]',
    alias: 'upload',
    summary: 'files to a repository as one commit, only what the Hub does not have is sent',
    flags: [
      ...HUB,
      ...REPO,
      ...CHOOSE,
      ['-m, --message <text>', 'message of the commit'],
      ['--private', 'make a new repository private'],
      ['--max-workers <n>', 'xorbs sent at once, 1 or 2 (default: 2)'],
      ['--dry-run', 'say what would be sent'],
      PROGRESS,
    ],
    load: () => import('./commands/push.ts'),
  },
  {
    words: 'ls',
    args: '[target]',
    summary: 'repositories of a Hub, or the files of one',
    flags: [...HUB, ...REPO],
    load: () => import('./commands/ls.ts'),
  },
  {
    words: 'cat',
    args: '<target>',
    summary: 'one file of a repository to standard output',
    flags: [...HUB, ...REPO],
    load: () => import('./commands/cat.ts'),
  },
  {
    words: 'rm',
    args: '<repo> <paths...>',
    summary: 'delete files of a repository in one commit',
    flags: [...HUB, ...REPO, ['-m, --message <text>', 'message of the commit'], ['-y, --yes', 'do not ask']],
    load: () => import('./commands/rm.ts'),
  },
  {
    words: 'cp',
    args: '<source> <target>',
    summary: 'copy files on a Hub, also between repositories, in one commit; large files are not sent',
    flags: [...HUB, REPO[0], ['-m, --message <text>', 'message of the commit']],
    load: () => import('./commands/cp.ts'),
  },
  {
    words: 'verify',
    args: '[ref]',
    summary: 'compare what is on disk with what the Hub says; exit 15 on a difference',
    flags: [
      ...HUB,
      ...REPO,
      ['--local-dir <dir>', 'verify the files here instead of the cache'],
      ['--cache-dir <dir>', 'the cache to verify (default: HF_HUB_CACHE)'],
    ],
    load: () => import('./commands/verify.ts'),
  },
  {
    words: 'auth login',
    args: '',
    summary: 'check a token with the Hub and store it',
    flags: HUB,
    load: verb('login', () => import('./commands/auth.ts')),
  },
  {
    words: 'auth logout',
    args: '',
    summary: 'forget the stored token',
    flags: [],
    load: verb('logout', () => import('./commands/auth.ts')),
  },
  {
    words: 'auth whoami',
    args: '',
    summary: 'who the Hub takes us for',
    flags: HUB,
    load: verb('whoami', () => import('./commands/auth.ts')),
  },
  {
    words: 'user create',
    args: '<name>',
    summary: 'add a user to this server and print a token',
    flags: [HOME, SCOPE],
    load: verb('create', () => import('./commands/user.ts')),
  },
  {
    words: 'user ls',
    args: '',
    summary: 'users of this server',
    flags: [HOME],
    load: verb('ls', () => import('./commands/user.ts')),
  },
  {
    words: 'user rm',
    args: '<name>',
    summary: 'remove a user who owns no repositories; their tokens end at once',
    flags: [HOME],
    load: verb('rm', () => import('./commands/user.ts')),
  },
  {
    words: 'org create',
    args: '<org>',
    summary: 'make an organisation',
    flags: [HOME],
    load: verb('create', () => import('./commands/org.ts')),
  },
  {
    words: 'org ls',
    args: '',
    summary: 'organisations and their members',
    flags: [HOME],
    load: verb('ls', () => import('./commands/org.ts')),
  },
  {
    words: 'org rm',
    args: '<org>',
    summary: 'remove an organisation that owns no repositories',
    flags: [HOME],
    load: verb('rm', () => import('./commands/org.ts')),
  },
  {
    words: 'org add',
    args: '<org> <user>',
    summary: 'add a user to an organisation, or change the role',
    flags: [HOME, ['--role <role>', 'read, write or admin (default: read)']],
    load: verb('add', () => import('./commands/org.ts')),
  },
  {
    words: 'org remove',
    args: '<org> <user>',
    summary: 'take a user out of an organisation',
    flags: [HOME],
    load: verb('remove', () => import('./commands/org.ts')),
  },
  {
    words: 'audit',
    args: '',
    summary: 'who changed what on this server, when, from where',
    flags: [HOME, ['--since <when>', 'a moment like 2026-11-21, or a span like 24h']],
    load: () => import('./commands/audit.ts'),
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
    load: verb('create', () => import('./commands/token.ts')),
  },
  {
    words: 'token ls',
    args: '',
    summary: 'tokens of this server, with their last use and their end',
    flags: [HOME, ['--user <name>', 'only this user'], ['--org <name>', 'only robots of this organisation']],
    load: verb('ls', () => import('./commands/token.ts')),
  },
  {
    words: 'token revoke',
    args: '<id>',
    summary: 'end a token at once',
    flags: [HOME],
    load: verb('revoke', () => import('./commands/token.ts')),
  },
  {
    words: 'repo create',
    args: '<repo>',
    summary: 'make an empty repository on a Hub',
    flags: [...HUB, REPO[0], ['--private', 'only its owner sees it']],
    load: verb('create', () => import('./commands/repo.ts')),
  },
  {
    words: 'repo move',
    args: '<repo> <new>',
    summary: 'give a repository another name, also of another owner; old addresses lead to it',
    flags: [...HUB, REPO[0]],
    load: verb('move', () => import('./commands/repo.ts')),
  },
  {
    words: 'repo settings',
    args: '<repo>',
    summary: 'who may see a repository, and who must ask for its files',
    flags: [
      ...HUB,
      REPO[0],
      ['--visibility <who>', 'public or private'],
      ['--gated <mode>', 'auto: whoever asks may read, manual: whom you let, off'],
    ],
    load: verb('settings', () => import('./commands/repo.ts')),
  },
  {
    words: 'repo delete',
    args: '<repo>',
    summary: 'delete a repository of a Hub',
    flags: [...HUB, REPO[0], ['-y, --yes', 'do not ask']],
    load: verb('delete', () => import('./commands/repo.ts')),
  },
  {
    words: 'gc',
    args: '',
    summary: 'free what no repository needs and nobody was promised',
    flags: [
      HOME,
      ['--dry-run', 'say what would go'],
      ['--now', 'do not wait for promises and the trash to end: for a full disk; clients then ask anew'],
    ],
    load: () => import('./commands/gc.ts'),
  },
  {
    words: 'scrub',
    args: '',
    summary: 'read all that is stored and check it; goes on where an earlier one stopped; exit 15 on damage',
    flags: [
      HOME,
      ['--rate <mib>', 'MiB a second at most (default: 64)'],
      ['--restart', 'from the beginning'],
      ['--from <url>', 'fetch damaged files anew from this Hub (token: HF_TOKEN)'],
    ],
    load: () => import('./commands/scrub.ts'),
  },
  {
    words: 'backup',
    args: '<dir>',
    summary: 'a copy of the whole home, also while it is served',
    flags: [HOME, ['--link', 'hard links in place of copies where the disk is the same']],
    load: () => import('./commands/backup.ts'),
  },
  {
    words: 'restore',
    args: '<dir>',
    summary: 'a new home out of a backup',
    flags: [HOME],
    load: () => import('./commands/restore.ts'),
  },
  {
    words: 'rebuild',
    args: '',
    summary: 'make catalog.db of a stopped server anew, from blobs and repositories',
    flags: [HOME],
    load: () => import('./commands/rebuild.ts'),
  },
  {
    words: 'doctor',
    args: '',
    summary: 'what is wrong with a server, and what to do; exit 15 on a problem',
    flags: [HOME],
    load: () => import('./commands/doctor.ts'),
  },
  {
    words: 'xet hash',
    args: '<files...>',
    summary: 'Xet file hash and SHA-256 of files',
    flags: [['--chunks', 'list the chunks too']],
    load: verb('hash', () => import('./commands/xet.ts')),
  },
  {
    words: 'xet pack',
    args: '<files...>',
    summary: 'make xorbs and a shard of files',
    flags: [['-o, --output <dir>', 'folder for what is made (default: .)']],
    load: verb('pack', () => import('./commands/xet.ts')),
  },
  {
    words: 'xet unpack',
    args: '<folder>',
    summary: 'files out of packed xorbs and shards, verified',
    flags: [['-o, --output <dir>', 'folder for the files (default: .)']],
    load: verb('unpack', () => import('./commands/xet.ts')),
  },
  {
    words: 'xet inspect',
    args: '<files...>',
    summary: 'what a xorb or a shard holds',
    flags: [],
    load: verb('inspect', () => import('./commands/xet.ts')),
  },
  {
    words: 'demo',
    args: '',
    summary: 'a Hub, a push, an edit, a pull, a damaged byte and its repair, in under a minute',
    flags: [['--keep', 'leave the temporary folder']],
    load: () => import('./commands/demo.ts'),
  },
  {
    words: 'version',
    args: '',
    summary: 'versions of xorbit, Node and the parts',
    flags: [],
    load: () => import('./commands/version.ts'),
  },
]

/** What the first of two words is about. */
export const GROUPS: Readonly<Record<string, string>> = {
  auth: 'who one is towards a Hub',
  user: 'users of this server',
  org: 'organisations of this server and their members',
  token: 'keys of this server',
  repo: 'repositories of a Hub',
  xet: 'the formats by hand',
}

/** One file serves several words: it is told which as its first argument. */
function verb(word: string, load: () => Promise<{ run: Run }>): () => Promise<{ run: Run }> {
  return async () => {
    const { run } = await load()
    return { run: (args, flags, io) => run([word, ...args], flags, io) }
  }
}
