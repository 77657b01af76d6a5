/** `xorbit completion bash|zsh|fish`: a script for the shell, made of the command table. */
import { AppError } from '../../base/app-error.ts'
import { COMMANDS, GROUPS } from '../command-table.ts'
import { bashCompletion } from '../completion/bash.ts'
import { fishCompletion } from '../completion/fish.ts'
import { completedWords } from '../completion/word-tree.ts'
import { zshCompletion } from '../completion/zsh.ts'
import type { Flags, Io } from '../output.ts'

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

export async function run([shell = '']: string[], _flags: Flags, io: Io): Promise<void> {
  const make = Object.entries(SCRIPTS).find(([name]) => name === shell)?.[1]
  if (make === undefined) {
    throw new AppError(
      'usage',
      'SHELL_UNKNOWN',
      `There is no completion for ${JSON.stringify(shell)}: bash, zsh or fish`,
    )
  }
  const script = make(completedWords(COMMANDS, GROUPS))
  io.event('done', { shell, script })
  io.line(script.trimEnd())
}
