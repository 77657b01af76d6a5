/** The program itself on this machine: its settings, its health, its speed, its words in a shell. */
import { type CommandRow, verb } from '../command-row.ts'
import { HUB, OFFLINE } from './shared-flags.ts'

const CACHE_DIR = ['--cache-dir <dir>', 'the Hugging Face cache'] as const

export const TOOLS_COMMANDS: readonly CommandRow[] = [
  {
    words: 'doctor',
    args: '',
    summary: 'what is wrong on this machine and with its server, and what to do; exit 15 on a problem',
    flags: [...HUB, CACHE_DIR, OFFLINE],
    withoutSettings: true,
    load: () => import('../commands/doctor.ts'),
  },
  {
    words: 'config ls',
    args: '',
    summary: 'every setting, its value, and whether flag, environment, file or default gives it',
    flags: [...HUB, CACHE_DIR],
    withoutSettings: true,
    load: verb('ls', () => import('../commands/config.ts')),
  },
  {
    words: 'config get',
    args: '<key>',
    summary: 'one setting',
    flags: [],
    withoutSettings: true,
    load: verb('get', () => import('../commands/config.ts')),
  },
  {
    words: 'config set',
    args: '<key> <value>',
    summary: 'keep a setting in config.toml',
    flags: [],
    withoutSettings: true,
    load: verb('set', () => import('../commands/config.ts')),
  },
  {
    words: 'config unset',
    args: '<key>',
    summary: 'take a setting out of config.toml',
    flags: [],
    withoutSettings: true,
    load: verb('unset', () => import('../commands/config.ts')),
  },
  {
    words: 'config path',
    args: '',
    summary: 'where config.toml is',
    flags: [],
    withoutSettings: true,
    load: verb('path', () => import('../commands/config.ts')),
  },
  {
    words: 'bench',
    args: '',
    summary: 'how fast this machine hashes, packs and writes; with --endpoint, how fast a Hub takes and gives',
    flags: [...HUB, ['--mib <n>', 'how much, in MiB, 1 to 2048 (default: 64)']],
    load: () => import('../commands/bench.ts'),
  },
]
