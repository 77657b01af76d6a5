/**
 * The user's settings, given to a command as if they had been typed or exported: those with a variable that the parts of
 * the program know go into the environment, the others into the command's flags where it has them.
 */
import { SETTINGS, type Setting } from '../base/settings.ts'
import { readSettings } from '../base/settings-file.ts'
import type { CommandRow } from './command-row.ts'
import type { Flags } from './output.ts'

type Row = Pick<CommandRow, 'flags'>
type MutableEnv = Record<string, string | undefined>

/** Returns the flags with what the settings add; changes `env`. */
export async function applySettings(row: Row, flags: Flags, env: MutableEnv): Promise<Flags> {
  const file = await readSettings(env)
  const added: Record<string, string | boolean> = {}
  for (const setting of SETTINGS) {
    const value = findValue(setting, env) ?? file.get(setting.key)
    if (setting.carrier !== undefined) carry(setting, value, env)
    else if (value !== undefined) addFlag(setting, value, { row, flags, added })
  }
  if (flags.offline === true) env.HF_HUB_OFFLINE = '1'
  return { ...flags, ...added }
}

function findValue(setting: Setting, env: MutableEnv): string | undefined {
  return setting.env.map((name) => env[name]).find((value) => value)
}

/** A variable of the other tools that is set already says what it means by itself. */
function carry({ carrier = '', env: names, kind }: Setting, value: string | undefined, env: MutableEnv): void {
  if (value === undefined) return
  const isOwn = names[0] !== carrier && Boolean(env[names[0] ?? ''])
  if (isOwn || !names.some((name) => env[name])) env[carrier] = kind === 'switch' && value === 'true' ? '1' : value
}

interface Target {
  readonly row: Row
  readonly flags: Flags
  readonly added: Record<string, string | boolean>
}

function addFlag({ key, kind }: Setting, value: string, { row, flags, added }: Target): void {
  const name = key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const hasFlag = row.flags.some(([flag]) => flag.split(/[ ,]+/).includes(`--${key}`))
  if (!hasFlag || flags[name] !== undefined) return
  if (kind !== 'switch') added[name] = value
  else if (/^(1|true|yes|on)$/i.test(value)) added[name] = true
}
