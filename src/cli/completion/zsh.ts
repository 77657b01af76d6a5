/** A completion script for zsh, out of the command table. */
import type { CompletedFlag, CompletedWord } from './word-tree.ts'

export function zshCompletion(words: readonly CompletedWord[]): string {
  const known = words.filter(({ at }) => at !== '').map(({ at }) => quote(at))
  return `#compdef xorbit
# Completion of xorbit for zsh: keep it as _xorbit in a folder of $fpath, or source it after compinit.
_xorbit() {
  local at='' cached='' i
  local cur=$words[CURRENT] prev=$words[CURRENT-1]
  local -a next flags
  for ((i = 2; i < CURRENT; i++)); do
    [[ $words[i] == -* ]] && continue
    case "\${at:+$at }$words[i]" in
      (${known.join('|')}) at="\${at:+$at }$words[i]" ;;
      (*) break ;;
    esac
  done
  case "$at" in
${words.map(arm).join('\n')}
  esac
  case "$at $prev" in
${words.flatMap(valueArms).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    _describe -o flag flags
  elif (( $#next )); then
    _describe command next
  elif [[ -n $cached ]]; then
    compadd -- \${(f)"$(xorbit cache ls -q 2>/dev/null)"}
  else
    _files
  fi
}
if [[ $funcstack[1] == _xorbit ]]; then _xorbit; else compdef _xorbit xorbit; fi
`
}

function arm({ at, next, flags, takesCached }: CompletedWord): string {
  const words = next.map(({ word, meaning }) => described(word, meaning))
  const names = flags.flatMap((flag) => flag.names.map((name) => described(name, flag.meaning)))
  const cached = takesCached ? ' cached=yes' : ''
  return `    (${quote(at)})\n      next=(${words.join(' ')})\n      flags=(${names.join(' ')})${cached} ;;`
}

function valueArms({ at, flags }: CompletedWord): string[] {
  return flags.flatMap(({ names, value }) =>
    value === null
      ? []
      : [`    (${names.map((name) => quote(`${at} ${name}`)).join('|')}) ${completing(value)}; return ;;`],
  )
}

function completing(value: NonNullable<CompletedFlag['value']>): string {
  if (value === 'folder') return '_files -/'
  if (value === 'file') return '_files'
  return value === 'text' ? '_message value' : `compadd -- ${value.join(' ')}`
}

function described(word: string, meaning: string): string {
  return quote(`${word.replaceAll(':', '\\:')}:${meaning}`)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
