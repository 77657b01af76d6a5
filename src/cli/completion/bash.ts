/** A completion script for bash 4 and later, out of the command table. */
import type { CompletedFlag, CompletedWord } from './word-tree.ts'

export function bashCompletion(words: readonly CompletedWord[]): string {
  const known = words.filter(({ at }) => at !== '').map(({ at }) => quote(at))
  return `# Completion of xorbit for bash: source it, or keep it in ~/.local/share/bash-completion/completions/xorbit
_xorbit() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at='' next='' flags='' cached='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -* ]] && continue
    case "\${at:+$at }\${COMP_WORDS[i]}" in
      ${known.join(' | ')}) at="\${at:+$at }\${COMP_WORDS[i]}" ;;
      *) break ;;
    esac
  done
  case "$at" in
${words.map(arm).join('\n')}
  esac
  COMPREPLY=()
  case "$at $prev" in
${words.flatMap(valueArms).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif [[ -n $next ]]; then
    COMPREPLY=($(compgen -W "$next" -- "$cur"))
  elif [[ -n $cached ]]; then
    COMPREPLY=($(compgen -W "$(xorbit cache ls -q 2>/dev/null)" -- "$cur"))
  fi
}
complete -o default -F _xorbit xorbit
`
}

function arm({ at, next, flags, takesCached }: CompletedWord): string {
  const names = flags.flatMap((flag) => flag.names).join(' ')
  const words = next.map(({ word }) => word).join(' ')
  return `    ${quote(at)}) next='${words}' flags='${names}'${takesCached ? ' cached=yes' : ''} ;;`
}

/** Of flags whose value can be completed, or is not to be taken for an argument. */
function valueArms({ at, flags }: CompletedWord): string[] {
  return flags.flatMap(({ names, value }) =>
    value === null
      ? []
      : [`    ${names.map((name) => quote(`${at} ${name}`)).join(' | ')}) ${completing(value)}; return ;;`],
  )
}

function completing(value: NonNullable<CompletedFlag['value']>): string {
  if (value === 'folder') return 'COMPREPLY=($(compgen -d -- "$cur"))'
  if (value === 'file') return 'COMPREPLY=($(compgen -f -- "$cur"))'
  return value === 'text' ? 'compopt +o default' : `COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$cur"))`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
