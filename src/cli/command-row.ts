/** One command as data: its words, its flags and its one-line summary; its code is imported when it is named. */
import type { Flags, Io } from './output.ts'

export interface CommandRow {
  /** Words before the arguments, such as `user create`. */
  readonly words: string
  readonly args: string
  readonly summary: string
  /** Flags in commander's form, each with its meaning. One value each: a list would eat the arguments after it. */
  readonly flags: readonly (readonly [flag: string, meaning: string, repeatable?: 'repeatable'])[]
  readonly alias?: string
  /** It looks at the settings itself, so that one that is wrong does not keep it from running. */
  readonly withoutSettings?: true
  readonly load: () => Promise<{ run: Run }>
}

export type Run = (args: string[], flags: Flags, io: Io) => Promise<void>

/** One file serves several words: it is told which as its first argument. */
export function verb(word: string, load: () => Promise<{ run: Run }>): () => Promise<{ run: Run }> {
  return async () => {
    const { run } = await load()
    return { run: (args, flags, io) => run([word, ...args], flags, io) }
  }
}
