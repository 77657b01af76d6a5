/** `xorbit completion bash|zsh|fish`: a script for the shell, made of the command table. */
import { AppError } from '../../base/app-error.ts'
import type { CommandRow, Run } from '../command-row.ts'
import { bashCompletion } from '../completion/bash.ts'
import { fishCompletion } from '../completion/fish.ts'
import { type CompletedWord, completedWords } from '../completion/word-tree.ts'
import { zshCompletion } from '../completion/zsh.ts'
import type { Io } from '../output.ts'

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

/** The command table is given: it names this file. */
export function completion(rows: readonly CommandRow[], groups: Readonly<Record<string, string>>): { run: Run } {
  return { run: (args, _flags, io) => runCompletion(args, completedWords(rows, groups), io) }
}

async function runCompletion([shell = '']: string[], words: readonly CompletedWord[], io: Io): Promise<void> {
  const make = Object.entries(SCRIPTS).find(([name]) => name === shell)?.[1]
  if (make === undefined) {
    throw new AppError(
      'usage',
      'SHELL_UNKNOWN',
      `There is no completion for ${JSON.stringify(shell)}: bash, zsh or fish`,
    )
  }
  const script = make(words)
  io.event('done', { shell, script })
  io.line(script.trimEnd())
}
