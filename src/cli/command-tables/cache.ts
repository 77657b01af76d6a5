/** The Hugging Face cache of this machine. */
import { type CommandRow, verb } from '../command-row.ts'
import { CHOOSE, HUB, PROGRESS, REPO } from './shared-flags.ts'

const CACHE_DIR = ['--cache-dir <dir>', 'the cache (default: HF_HUB_CACHE)'] as const
const DRY_RUN = ['--dry-run', 'say what would go'] as const
const YES = ['-y, --yes', 'do not ask'] as const

export const CACHE_COMMANDS: readonly CommandRow[] = [
  {
    words: 'cache ls',
    args: '[repo]',
    summary: 'what lies in the Hugging Face cache, and what it takes on the disk',
    flags: [
      CACHE_DIR,
      REPO[0],
      ['--revisions', 'a line for each revision'],
      ['--filter <test>', 'size>1GB, accessed>7d, modified<2h, type=model, refs=main; may be repeated', 'repeatable'],
      ['--sort <key>', 'name, size, accessed or modified, with :asc or :desc (default: name)'],
    ],
    load: () => import('../commands/cache-ls.ts'),
  },
  {
    words: 'cache rm',
    args: '<targets...>',
    summary: 'repositories (NS/NAME) or revisions (NS/NAME@REV, a commit) out of the cache',
    flags: [CACHE_DIR, REPO[0], DRY_RUN, YES],
    load: verb('rm', () => import('../commands/cache-rm.ts')),
  },
  {
    words: 'cache prune',
    args: '',
    summary: 'out of the cache: revisions without a name, blobs without a file, what ended downloads left',
    flags: [CACHE_DIR, DRY_RUN, YES],
    load: verb('prune', () => import('../commands/cache-rm.ts')),
  },
  {
    words: 'cache verify',
    args: '[repos...]',
    summary: 'hash what lies in the cache and compare; exit 15 on a difference',
    flags: [CACHE_DIR, REPO[0], ...CHOOSE, PROGRESS],
    load: () => import('../commands/cache-verify.ts'),
  },
  {
    words: 'cache adopt',
    args: '<ref>',
    summary: 'take files over from git-lfs, Ollama or a folder, without a second copy',
    flags: [
      ...HUB,
      ...REPO,
      ...CHOOSE,
      CACHE_DIR,
      ['--from <dir>', 'a clone, a store or a folder (default: where git-lfs and Ollama keep theirs)', 'repeatable'],
      ['--copy', 'copy what the disk cannot share'],
      ['--dry-run', 'say what would be adopted'],
    ],
    load: () => import('../commands/cache-adopt.ts'),
  },
]
