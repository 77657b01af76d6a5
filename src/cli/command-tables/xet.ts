/** The Xet formats by hand. */
import { type CommandRow, verb } from '../command-row.ts'

export const XET_COMMANDS: readonly CommandRow[] = [
  {
    words: 'xet hash',
    args: '<files...>',
    summary: 'Xet file hash and SHA-256 of files',
    flags: [['--chunks', 'list the chunks too']],
    load: verb('hash', () => import('../commands/xet.ts')),
  },
  {
    words: 'xet pack',
    args: '<files...>',
    summary: 'make xorbs and a shard of files',
    flags: [['-o, --output <dir>', 'folder for what is made (default: .)']],
    load: verb('pack', () => import('../commands/xet.ts')),
  },
  {
    words: 'xet unpack',
    args: '<folder>',
    summary: 'files out of packed xorbs and shards, verified',
    flags: [['-o, --output <dir>', 'folder for the files (default: .)']],
    load: verb('unpack', () => import('../commands/xet.ts')),
  },
  {
    words: 'xet inspect',
    args: '<files...>',
    summary: 'what a xorb or a shard holds',
    flags: [],
    load: verb('inspect', () => import('../commands/xet.ts')),
  },
]
