import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runFiles } from '../base/config.ts'
import { locateHub, openHub } from './hub-location.ts'

const folder = await mkdtemp(join(tmpdir(), 'xorbit-location-'))
afterAll(() => rm(folder, { recursive: true }))
const env = { HOME: folder, XORBIT_HOME: join(folder, 'none') }

test.each(['hub.example', 'ftp://hub.example', 'https://', 'https://a:b@hub.example', 'https://hub.example/ x', ''])(
  'refuses the endpoint "%s"',
  async (endpoint) => {
    await expect(locateHub({ env, endpoint })).rejects.toMatchObject({ kind: 'usage', code: 'ENDPOINT_BAD' })
  },
)

test.each(['', ' ', 'hf_a b', 'hf_a\nX: y', 'hf_ü'])('refuses the token %j', async (token) => {
  await expect(locateHub({ env, token })).rejects.toMatchObject({ kind: 'usage', code: 'TOKEN_BAD' })
})

test('flag before environment before the server of this home before the public Hub', async () => {
  const home = join(folder, 'home')
  const files = runFiles(home)
  await mkdir(files.folder, { recursive: true })
  await writeFile(files.url, 'http://127.0.0.1:1\n')
  await writeFile(files.pid, `${process.pid}\n`)
  await writeFile(files.token, 'hf_own\n')
  const own = { env: { ...env, XORBIT_HOME: home } }
  expect(await locateHub({ env })).toEqual({ endpoint: 'https://huggingface.co', token: null })
  expect(await locateHub(own)).toEqual({ endpoint: 'http://127.0.0.1:1', token: 'hf_own' })
  const chosen = { ...own.env, HF_ENDPOINT: 'http://hub.example/', HF_TOKEN: 'hf_env' }
  expect(await locateHub({ env: chosen })).toEqual({ endpoint: 'http://hub.example', token: 'hf_env' })
  const flags = { endpoint: 'https://other.example', token: 'hf_flag' }
  expect(await locateHub({ env: chosen, ...flags })).toEqual(flags)
})

test('offline no client is made', async () => {
  const offline = openHub({ env: { ...env, HF_HUB_OFFLINE: '1' }, endpoint: 'http://127.0.0.1:1' })
  await expect(offline).rejects.toMatchObject({ kind: 'network', code: 'OFFLINE' })
})
