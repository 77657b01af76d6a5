/** `xorbit config ls|get|set|unset|path`. */
import { getConfig, listConfig, setConfig, unsetConfig } from '../../actions/config.ts'
import type { EffectiveSetting } from '../../base/settings.ts'
import { settingsPath } from '../../base/settings-file.ts'
import type { Flags, Io } from '../output.ts'
import { printable } from '../quantities.ts'
import { formatTable } from '../table.ts'

export async function run([verb = '', key = '', value = '']: string[], flags: Flags, io: Io): Promise<void> {
  if (verb === 'ls') return runLs(flags, io)
  if (verb === 'get') return runGet(key, flags, io)
  if (verb === 'set') {
    const { path, changed, outweighedBy } = await setConfig(key, value)
    io.event('done', { key, path, changed, outweighedBy })
    if (!io.quiet) io.line(`${key} is set in ${path}`)
    if (outweighedBy !== null) io.note(`${outweighedBy} is set in the environment and outweighs it`)
    return
  }
  if (verb === 'unset') {
    const { path, changed } = await unsetConfig(key)
    io.event('done', { key, path, changed })
    if (!io.quiet) io.line(changed ? `${key} is no longer set in ${path}` : `${key} was not set in ${path}`)
    return
  }
  const path = settingsPath(process.env)
  io.event('done', { path })
  io.line(path)
}

async function runLs(flags: Flags, io: Io): Promise<void> {
  const settings = await listConfig({ flags: given(flags) })
  for (const one of settings) {
    io.event('setting', fieldsOf(one))
    if (io.quiet) io.line(one.setting.key)
  }
  io.event('done', { path: settingsPath(process.env) })
  if (io.quiet || io.json) return
  const rows = settings.map((one) => [one.setting.key, printable(one.value ?? one.setting.fallback), originOf(one)])
  for (const line of formatTable([{ title: 'setting' }, { title: 'value' }, { title: 'from' }], rows)) io.line(line)
}

async function runGet(key: string, flags: Flags, io: Io): Promise<void> {
  const one = await getConfig(key, { flags: given(flags) })
  io.event('setting', fieldsOf(one))
  io.line(printable(one.value ?? one.setting.fallback))
  if (!io.quiet && !io.json) io.note(`from ${originOf(one)}`)
}

function fieldsOf({ setting, value, origin, from }: EffectiveSetting) {
  return { key: setting.key, value, origin, from, default: setting.fallback, meaning: setting.meaning }
}

function originOf({ origin, from }: EffectiveSetting): string {
  if (origin === 'environment') return `environment: ${from}`
  return origin === 'default' ? 'default' : `${origin}: ${from}`
}

/** Flags by the key of their setting. */
function given(flags: Flags): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(flags)) {
    const key = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    if (typeof value === 'string') values.set(key, value)
  }
  return values
}
