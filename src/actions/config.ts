/** The settings of this user: what holds and where it comes from, and changes of `config.toml`. */
import type { Env } from '../base/config.ts'
import { checkSetting, type EffectiveSetting, getSetting, resolveSetting, SETTINGS } from '../base/settings.ts'
import { readSettings, settingsPath, writeSetting } from '../base/settings-file.ts'

export interface ConfigOptions {
  /** Flags of the command line, by key. */
  readonly flags?: ReadonlyMap<string, string>
  readonly env?: Env
}

const MASK_KEEPS = 4

export async function listConfig({
  flags = new Map(),
  env = process.env,
}: ConfigOptions = {}): Promise<EffectiveSetting[]> {
  const sources = { flags, env, file: await readSettings(env), filePath: settingsPath(env) }
  return SETTINGS.map((setting) => masked(resolveSetting(setting, sources)))
}

export async function getConfig(key: string, options: ConfigOptions = {}): Promise<EffectiveSetting> {
  getSetting(key)
  return (await listConfig(options)).find(({ setting }) => setting.key === key) as EffectiveSetting
}

/** Returns the file that holds it, and what still outweighs it. */
export async function setConfig(key: string, value: string, { env = process.env }: ConfigOptions = {}) {
  const setting = getSetting(key)
  checkSetting(setting, value)
  const changed = await writeSetting(env, key, value)
  return { path: settingsPath(env), changed, outweighedBy: setting.env.find((name) => env[name]) ?? null }
}

export async function unsetConfig(key: string, { env = process.env }: ConfigOptions = {}) {
  return { path: settingsPath(env), changed: await writeSetting(env, key, null) }
}

/** A secret as it may be shown. */
function masked(effective: EffectiveSetting): EffectiveSetting {
  const { setting, value } = effective
  if (setting.kind !== 'secret' || value === null) return effective
  const end = value.length > 4 * MASK_KEEPS ? value.slice(-MASK_KEEPS) : ''
  return { ...effective, value: `${value.startsWith('hf_') ? 'hf_' : ''}…${end}` }
}
