import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { getConfig, listConfig, setConfig, unsetConfig } from '../actions/config.ts'
import { checkSetting, getSetting, SETTINGS } from './settings.ts'
import { readSettings, settingsPath } from './settings-file.ts'

let env: { XDG_CONFIG_HOME: string }
beforeEach(async () => {
  env = { XDG_CONFIG_HOME: await mkdtemp(join(tmpdir(), 'xorbit-config-')) }
})
afterEach(() => rm(env.XDG_CONFIG_HOME, { recursive: true }))

async function write(text: string): Promise<void> {
  await mkdir(dirname(settingsPath(env)), { recursive: true })
  await writeFile(settingsPath(env), text)
}

test('set, get and unset leave the other lines of the file as they are', async () => {
  await write('# mine\nendpoint = "https://a.example"  # for now\n\nmax-workers = 4\n')
  await setConfig('endpoint', 'https://b.example', { env })
  await setConfig('paranoid', 'true', { env })
  await setConfig('cache-dir', '/a "b" \\c', { env })
  const text = await readFile(settingsPath(env), 'utf8')
  expect(text).toBe(
    '# mine\nendpoint = "https://b.example"\n\nmax-workers = 4\nparanoid = true\ncache-dir = "/a \\"b\\" \\\\c"\n',
  )
  expect((await stat(settingsPath(env))).mode & 0o777).toBe(0o600)
  expect(Object.fromEntries(await readSettings(env))).toEqual({
    ...{ endpoint: 'https://b.example', 'max-workers': '4', paranoid: 'true', 'cache-dir': '/a "b" \\c' },
  })
  expect(await unsetConfig('endpoint', { env })).toMatchObject({ changed: true })
  expect(await unsetConfig('endpoint', { env })).toMatchObject({ changed: false })
  expect(await readFile(settingsPath(env), 'utf8')).toContain('# mine\n\nmax-workers')
})

test('a flag outweighs the environment, the environment the file, the file the default', async () => {
  const origin = async (more: object, flags = new Map<string, string>()) => {
    const one = await getConfig('cache-dir', { env: { ...env, ...more }, flags })
    return [one.value, one.origin, one.from]
  }
  expect(await origin({})).toEqual([null, 'default', null])
  await setConfig('cache-dir', '/file', { env })
  expect(await origin({})).toEqual(['/file', 'file', settingsPath(env)])
  expect(await origin({ HF_HUB_CACHE: '/hf' })).toEqual(['/hf', 'environment', 'HF_HUB_CACHE'])
  const both = { HF_HUB_CACHE: '/hf', XORBIT_CACHE_DIR: '/own' }
  expect(await origin(both)).toEqual(['/own', 'environment', 'XORBIT_CACHE_DIR'])
  expect(await origin(both, new Map([['cache-dir', '/flag']]))).toEqual(['/flag', 'flag', '--cache-dir'])
  expect((await setConfig('cache-dir', '/file', { env: { ...env, ...both } })).outweighedBy).toBe('XORBIT_CACHE_DIR')
})

test('a token is never shown', async () => {
  await setConfig('token', 'hf_abcdefghijklmnopqrstuvwxyz', { env })
  expect((await getConfig('token', { env })).value).toBe('hf_…wxyz')
  expect(JSON.stringify(await listConfig({ env: { ...env, HF_TOKEN: 'hf_short' } }))).not.toContain('short')
})

test.each([
  [
    'endpont = "https://a.example"',
    'CONFIG_KEY_UNKNOWN',
    'line 1: There is no setting "endpont": did you mean endpoint?',
  ],
  ['\n[transfer]', 'CONFIG_FILE_BAD', 'line 2: there are no tables'],
  ['endpoint = https://a.example', 'CONFIG_FILE_BAD', 'line 1: this is not'],
  ['endpoint = "https://a.example', 'CONFIG_FILE_BAD', 'line 1'],
  ['max-workers = 0', 'CONFIG_VALUE_BAD', 'line 1: max-workers is a whole number from 1'],
  ['progress = "loud"', 'CONFIG_VALUE_BAD', 'progress is one of auto, tty'],
  ['offline = "maybe"', 'CONFIG_VALUE_BAD', 'offline is true or false'],
  ['max-workers = 1\nmax-workers = 2', 'CONFIG_FILE_BAD', 'line 2: max-workers is there twice'],
])('refuses %j with its line', async (text, code, words) => {
  await write(text)
  await expect(readSettings(env)).rejects.toMatchObject({
    kind: 'usage',
    code,
    message: expect.stringContaining(words),
  })
})

test('what is set is checked before it is written', async () => {
  await expect(setConfig('endpoint', 'a.example', { env })).rejects.toMatchObject({ code: 'CONFIG_VALUE_BAD' })
  await expect(setConfig('maxworkers', '3', { env })).rejects.toThrow(/did you mean max-workers/)
  await expect(readFile(settingsPath(env))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('every setting has a variable of its own, and takes some value', () => {
  for (const { key, env: names } of SETTINGS) expect(names[0]).toBe(`XORBIT_${key.toUpperCase().replaceAll('-', '_')}`)
  expect(checkSetting(getSetting('log'), 'info')).toBe('info')
})
