/** A completion script for fish 3, out of the command table. */
import type { CompletedFlag, CompletedWord } from './word-tree.ts'

export function fishCompletion(words: readonly CompletedWord[]): string {
  const known = words.filter(({ at }) => at !== '').map(({ at }) => quote(at))
  return `# Completion of xorbit for fish: keep it as ~/.config/fish/completions/xorbit.fish
function __xorbit_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        set -l next (string trim -- "$at $word")
        contains -- $next ${known.join(' ')}; or break
        set at $next
    end
    echo $at
end
function __xorbit_is
    set -l at (__xorbit_at)
    test "$at" = "$argv[1]"
end
${words.flatMap(linesOf).join('\n')}
`
}

function linesOf({ at, next, flags, takesCached }: CompletedWord): string[] {
  const start = `complete -c xorbit -n ${quote(`__xorbit_is ${at === '' ? "''" : `'${at}'`}`)}`
  const lines = next.map(({ word, meaning }) => `${start} -f -a ${word} -d ${quote(meaning)}`)
  if (takesCached) lines.push(`${start} -f -a '(xorbit cache ls -q 2>/dev/null)'`)
  for (const { names, meaning, value } of flags) {
    const spellings = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
    lines.push(`${start} ${spellings.join(' ')}${valueFlags(value)} -d ${quote(meaning)}`)
  }
  return lines
}

function valueFlags(value: CompletedFlag['value']): string {
  if (value === null) return ''
  if (value === 'folder') return " -x -a '(__fish_complete_directories)'"
  if (value === 'file') return ' -r'
  return value === 'text' ? ' -x' : ` -x -a '${value.join(' ')}'`
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}
