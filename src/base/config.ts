/** Where things are and what the environment sets, read once. Flags win over environment, environment over defaults. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export const DEFAULT_PORT = 9672
export const PUBLIC_HUB = 'https://huggingface.co'

export type Env = Readonly<Record<string, string | undefined>>

/** The folder that holds all of one server: `--home`, else XORBIT_HOME, else the user's data folder. */
export function homeFolder(flag: string | undefined, env: Env): string {
  if (flag) return resolve(flag)
  if (env.XORBIT_HOME) return resolve(env.XORBIT_HOME)
  return join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share'), 'xorbit')
}

/** What a running server leaves in its home for commands on the same machine. */
export interface RunFiles {
  readonly folder: string
  /** The address it answers at, one line. */
  readonly url: string
  /** The first user's token, mode 0600. */
  readonly token: string
  readonly pid: string
}

export function runFiles(home: string): RunFiles {
  const folder = join(home, 'run')
  return { folder, url: join(folder, 'url'), token: join(folder, 'token'), pid: join(folder, 'pid') }
}
