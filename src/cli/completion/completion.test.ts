// biome-ignore-all lint/suspicious/noTemplateCurlyInString: programs of shells.
/** The scripts in the shells themselves, those that are installed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS, GROUPS } from '../command-table.ts'
import { completion } from '../commands/completion.ts'
import { createIo } from '../output.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xorbit-completion-'))
  // What the scripts ask for names in the cache.
  writeFileSync(join(folder, 'xorbit'), '#!/bin/sh\n[ "$*" = "cache ls -q" ] && echo ann/model\n', { mode: 0o755 })
})
afterAll(() => rmSync(folder, { recursive: true }))

async function script(shell: string): Promise<string> {
  let text = ''
  const streams = { stdout: { write: (piece: string) => (text += piece) }, stderr: { write: () => true } }
  await completion(COMMANDS, GROUPS).run([shell], {}, createIo({}, streams, new AbortController().signal))
  writeFileSync(join(folder, `_xorbit.${shell}`), text)
  return join(folder, `_xorbit.${shell}`)
}

const env = () => ({ ...process.env, PATH: `${folder}:${process.env.PATH}`, HOME: folder })
const hasShell = (name: string) => spawnSync(name, ['-c', 'true']).status === 0

/** What a Tab after `line` offers. */
const OFFERS: Readonly<Record<string, (line: string) => Promise<string[]>>> = {
  async bash(line) {
    const program = [
      'source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; read -ra COMP_WORDS <<< "$2"',
      '[[ $2 == *" " ]] && COMP_WORDS+=("")',
      'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; _xorbit',
      'printf "%s\\n" "${COMPREPLY[@]}"; complete -p xorbit >&2',
    ].join('\n')
    const args = ['--norc', '-c', program, 'bash', await script('bash'), line]
    return lines(execFileSync('bash', args, { env: env(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  },
  async fish(line) {
    const program = 'source $argv[1]; complete -C $argv[2]'
    const args = ['--no-config', '-c', program, await script('fish'), line]
    const text = execFileSync('fish', args, { env: env(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return lines(text).map((one) => one.split('\t')[0] ?? '')
  },
  /** Where the shell would draw a menu, each match on a line. */
  async zsh(line) {
    const program = [
      'autoload -Uz compinit; compinit -u -d "$HOME/.zcompdump"; source "$1"',
      // The functions that show matches, replaced by ones that say them.
      '_describe() { [[ $1 == -o ]] && shift; shift',
      '  for m in "${(@P)1}"; do [[ $m == $cur* ]] && print -r -- "${m%%:*}"; done }',
      '_files() { : }; _message() { : }',
      'compadd() { shift; for m in "$@"; do [[ $m == $cur* ]] && print -r -- "$m"; done }',
      'words=(${=2}); [[ $2 == *" " ]] && words+=(""); CURRENT=$#words; cur=$words[CURRENT]; _xorbit; true',
    ].join('\n')
    const args = ['-f', '-c', program, 'zsh', await script('zsh'), line]
    return lines(execFileSync('zsh', args, { env: env(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  },
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

describe.each(['bash', 'zsh', 'fish'])('%s', (shell) => {
  const offer = (line: string) => (OFFERS[shell] as (typeof OFFERS)[string])(line)

  test.skipIf(!hasShell(shell))('completes a verb, the verb of a group, a flag and its value', async () => {
    expect((await offer('xorbit pu')).sort()).toEqual(['pull', 'push'])
    expect((await offer('xorbit downl')).sort()).toEqual(['download'])
    expect((await offer('xorbit cache ')).sort()).toEqual(['adopt', 'ls', 'prune', 'rm', 'verify'])
    expect((await offer('xorbit pull ann/model --max-w')).sort()).toEqual(['--max-workers'])
    expect(await offer('xorbit cache ls --rev')).toEqual(['--revisions'])
    expect((await offer('xorbit pull --progress p')).sort()).toEqual(['plain'])
  })

  test.skipIf(!hasShell(shell))('offers what lies in the cache where it can be named', async () => {
    expect(await offer('xorbit cache rm a')).toEqual(['ann/model'])
    expect(await offer('xorbit --json cache rm ann')).toEqual(['ann/model'])
  })
})

test('another shell is refused', async () => {
  await expect(script('csh')).rejects.toMatchObject({ kind: 'usage', code: 'SHELL_UNKNOWN' })
})
