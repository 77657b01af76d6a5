/** The command table as a shell needs it: which words may follow which, and the flags of each command. */
import type { CommandRow } from '../command-row.ts'

export interface CompletedFlag {
  /** `--endpoint`, `-q`. */
  readonly names: readonly string[]
  readonly meaning: string
  /** Null for a flag without a value; the only values there are, or what kind of value. */
  readonly value: null | 'folder' | 'file' | 'text' | readonly string[]
}

export interface CompletedWord {
  /** Words so far, such as `cache rm`; empty for the program itself. */
  readonly at: string
  readonly next: readonly { readonly word: string; readonly meaning: string }[]
  readonly flags: readonly CompletedFlag[]
  /** Names of repositories in the cache may follow. */
  readonly takesCached: boolean
}

const COMMON: CommandRow['flags'] = [
  ['--json', 'one JSON object a line, nothing else'],
  ['-q, --quiet', 'names or hashes only'],
  ['-v, --verbose', 'more about errors'],
  ['-h, --help', 'display help for command'],
]
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  '--progress': ['auto', 'tty', 'plain', 'json', 'none'],
  '--repo-type': ['model', 'dataset', 'space'],
  '--scope': ['read', 'write', 'admin', 'inference', 'metrics'],
  '--role': ['read', 'write', 'admin'],
  '--visibility': ['public', 'private'],
  '--gated': ['auto', 'manual', 'off'],
  '--sort': ['name', 'size', 'accessed', 'modified'],
}
const TAKE_CACHED = ['cache ls', 'cache rm', 'cache verify', 'verify']

export function completedWords(rows: readonly CommandRow[], groups: Readonly<Record<string, string>>): CompletedWord[] {
  const spelled = rows.flatMap((row) =>
    [row.words, ...(row.alias === undefined ? [] : [row.alias])].map((at) => ({ at, row })),
  )
  const words = new Map<string, Map<string, string>>([['', new Map()]])
  for (const { at, row } of spelled) {
    const [first = '', second] = at.split(' ')
    words.get('')?.set(first, second === undefined ? row.summary : (groups[first] ?? ''))
    if (second === undefined) continue
    words.set(first, (words.get(first) ?? new Map()).set(second, row.summary))
  }
  const help = COMMON.slice(-1).map(flagOf)
  const heads = [...words].map(([at, next]) => ({
    ...{ at, next: [...next].map(([word, meaning]) => ({ word, meaning })), flags: help, takesCached: false },
  }))
  const commands = spelled.map(({ at, row }) => ({
    ...{ at, next: [], flags: [...row.flags, ...COMMON].map(flagOf), takesCached: TAKE_CACHED.includes(row.words) },
  }))
  return [...heads, ...commands]
}

function flagOf([spelling, meaning]: CommandRow['flags'][number]): CompletedFlag {
  const names = spelling.match(/(?<![\w-])--?[a-z][a-z-]*/g) ?? []
  const placeholder = /<(\w+)[^>]*>/.exec(spelling)?.[1]
  const choices = names.map((name) => CHOICES[name]).find((found) => found !== undefined)
  if (placeholder === undefined) return { names, meaning, value: null }
  if (choices !== undefined) return { names, meaning, value: choices }
  return { names, meaning, value: placeholder === 'dir' ? 'folder' : placeholder === 'file' ? 'file' : 'text' }
}
