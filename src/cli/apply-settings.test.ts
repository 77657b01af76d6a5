import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { setConfig } from '../actions/config.ts'
import { applySettings } from './apply-settings.ts'
import { COMMANDS } from './command-table.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-apply-'))
})
afterEach(() => rm(folder, { recursive: true }))

const row = (words: string) => COMMANDS.find((one) => one.words === words) as (typeof COMMANDS)[number]

async function apply(words: string, flags: object, more: Record<string, string> = {}) {
  const env: Record<string, string | undefined> = { XDG_CONFIG_HOME: folder, ...more }
  const settled = await applySettings(row(words), { ...flags }, env)
  return { env, settled }
}

test('settings with a variable go into the environment, others into the flags that a command has', async () => {
  const config = { env: { XDG_CONFIG_HOME: folder } }
  await setConfig('endpoint', 'https://file.example', config)
  await setConfig('offline', 'true', config)
  await setConfig('max-workers', '3', config)
  await setConfig('paranoid', 'true', config)
  const { env, settled } = await apply('pull', {})
  expect([env.HF_ENDPOINT, env.HF_HUB_OFFLINE]).toEqual(['https://file.example', '1'])
  expect(settled).toEqual({ maxWorkers: '3', paranoid: true })
  expect((await apply('ls', {})).settled).toEqual({})
  expect((await apply('pull', { maxWorkers: '9' })).settled).toMatchObject({ maxWorkers: '9' })
})

test('the environment outweighs the file, our own names those of other tools', async () => {
  await setConfig('endpoint', 'https://file.example', { env: { XDG_CONFIG_HOME: folder } })
  const hf = { HF_ENDPOINT: 'https://hf.example' }
  expect((await apply('pull', {}, hf)).env.HF_ENDPOINT).toBe('https://hf.example')
  const both = { ...hf, XORBIT_ENDPOINT: 'https://own.example', XORBIT_MAX_WORKERS: '5', XORBIT_PARANOID: '1' }
  const { env, settled } = await apply('pull', {}, both)
  expect([env.HF_ENDPOINT, settled]).toEqual(['https://own.example', { maxWorkers: '5', paranoid: true }])
})

test('--offline is HF_HUB_OFFLINE', async () => {
  expect((await apply('pull', { offline: true })).env.HF_HUB_OFFLINE).toBe('1')
})
