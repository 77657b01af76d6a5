/** Flags take one value each, so that none eats the arguments after it. */
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { COMMANDS } from './command-table.ts'

test.each(COMMANDS.map((row) => [row.words, row] as const))('no flag of %s takes a list', (_words, { flags }) => {
  const command = new Command()
  for (const [flag, meaning] of flags) command.option(flag, meaning)
  expect(command.options.filter(({ variadic }) => variadic)).toEqual([])
})
