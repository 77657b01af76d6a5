/** Care of a server's store. */
import type { CommandRow } from '../command-row.ts'
import { HOME } from './shared-flags.ts'

export const CARE_COMMANDS: readonly CommandRow[] = [
  {
    words: 'gc',
    args: '',
    summary: 'free what no repository needs and nobody was promised',
    flags: [
      HOME,
      ['--dry-run', 'say what would go'],
      ['--now', 'do not wait for promises and the trash to end: for a full disk; clients then ask anew'],
    ],
    load: () => import('../commands/gc.ts'),
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
    load: () => import('../commands/scrub.ts'),
  },
  {
    words: 'backup',
    args: '<dir>',
    summary: 'a copy of the whole home, also while it is served',
    flags: [HOME, ['--link', 'hard links in place of copies where the disk is the same']],
    load: () => import('../commands/backup.ts'),
  },
  {
    words: 'restore',
    args: '<dir>',
    summary: 'a new home out of a backup',
    flags: [HOME],
    load: () => import('../commands/restore.ts'),
  },
  {
    words: 'rebuild',
    args: '',
    summary: 'make catalog.db of a stopped server anew, from blobs and repositories',
    flags: [HOME],
    load: () => import('../commands/rebuild.ts'),
  },
]
