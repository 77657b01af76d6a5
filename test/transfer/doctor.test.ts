/** What `doctor` finds on a machine where one thing is wrong, and that it says what to do. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { login } from '../../src/actions/auth.ts'
import { type DoctorOptions, examineClient } from '../../src/actions/doctor-client.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { HttpClient } from '../../src/base/http-client.ts'
import { silentLog } from '../../src/base/log.ts'
import { writeSetting } from '../../src/base/settings-file.ts'

let top = ''
let env: Record<string, string> = {}
let server: RunningServer
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'xorbit-doctor-'))
  const home = join(top, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
})
afterAll(async () => {
  await server.stop()
  await rm(top, { recursive: true })
})
beforeEach(async () => {
  await rm(join(top, 'user'), { recursive: true, force: true })
  env = {
    PATH: process.env.PATH ?? '',
    HOME: join(top, 'user'),
    XORBIT_HOME: join(top, 'none'),
    HF_ENDPOINT: server.url,
  }
})

async function examine(more: Record<string, string> = {}, options: Partial<DoctorOptions> = {}) {
  const report = await examineClient({ env: { ...env, ...more }, ...options })
  return { facts: Object.fromEntries(report.facts.map(({ name, text }) => [name, text])), findings: report.findings }
}

const problem = (what: RegExp, remedy: RegExp) =>
  expect.objectContaining({
    level: 'problem',
    what: expect.stringMatching(what),
    remedy: expect.stringMatching(remedy),
  })

test('nothing is wrong: versions, Hub, user, clock, cache and disk are named', async () => {
  const { facts, findings } = await examine({ HF_TOKEN: server.token ?? '' })
  expect(findings.filter(({ level }) => level === 'problem')).toEqual([])
  expect(facts).toMatchObject({
    ...{ node: process.versions.node, endpoint: server.url, clock: 'as the Hub', proxies: 'none' },
    ...{
      user: expect.stringMatching(/^ann/),
      hub: expect.stringMatching(/^xorbit \d/),
      git: expect.stringMatching(/\d/),
    },
    'cache holds': '0 repositories, 0 MB on the disk',
  })
})

test('a Hub that was named and does not answer', async () => {
  const { findings } = await examine({ HF_ENDPOINT: 'http://127.0.0.1:1' })
  expect(findings).toContainEqual(problem(/127\.0\.0\.1:1 cannot be used/, /check the network/))
})

test('a token that the Hub does not know, and one that others may read', async () => {
  const { findings } = await examine({ HF_TOKEN: 'hf_wrong' })
  expect(findings).toContainEqual(problem(/does not know the token/, /xorbit auth login/))
  await login({ env, token: server.token ?? '' })
  await chmod(join(top, 'user/.cache/huggingface/token'), 0o644)
  const open = await examine()
  expect(open.facts.user).toMatch(/^ann/)
  expect(open.findings).toContainEqual(problem(/others may read .*token/, /chmod 600/))
})

test('a clock that is an hour off', async () => {
  const clock: Clock = { ...systemClock, nowMs: () => Date.now() + 3_600_000 }
  const { findings } = await examine({}, { clock })
  expect(findings).toContainEqual(problem(/clock of this machine is 3[56]\d\d s ahead of the Hub/, /NTP/))
})

test('proxies and authorities that cannot be used, without the password', async () => {
  const { facts, findings } = await examine({ HTTPS_PROXY: 'ftp://ann:secret@proxy:1', SSL_CERT_FILE: '/nowhere.pem' })
  expect(findings).toContainEqual(problem(/https_proxy is no http/, /correct or unset/))
  expect(findings).toContainEqual(problem(/SSL_CERT_FILE: \/nowhere\.pem cannot be used/, /correct or unset/))
  expect(JSON.stringify([facts, findings])).not.toContain('secret')
  expect(() => new HttpClient({ env: { https_proxy: 'proxy:80' } })).toThrow(
    expect.objectContaining({ code: 'PROXY_BAD' }),
  )
  expect(() => new HttpClient({ env: { SSL_CERT_FILE: '/nowhere.pem' } })).toThrow(
    expect.objectContaining({ code: 'CA_FILE_BAD' }),
  )
})

test('a cache with a file that leads nowhere, with what is no part of it, and one that is a file', async () => {
  const snapshot = join(top, 'user/.cache/huggingface/hub/models--a--b/snapshots', 'c'.repeat(40))
  await mkdir(snapshot, { recursive: true })
  await symlink('../../blobs/none', join(snapshot, 'model.bin'))
  await mkdir(join(top, 'user/.cache/huggingface/hub/notes'))
  const { findings } = await examine()
  expect(findings).toContainEqual(
    problem(/1 files of a\/b lead nowhere in the cache, such as model\.bin/, /xorbit pull a\/b/),
  )
  expect(findings.map(({ what }) => what).join()).toContain('no part of a cache: notes')
  await writeFile(join(top, 'user/file'), '')
  const isFile = await examine({ HF_HUB_CACHE: join(top, 'user/file') })
  expect(isFile.findings).toContainEqual(problem(/is no folder/, /HF_HUB_CACHE/))
})

test('settings that cannot be read', async () => {
  await writeSetting(env, 'max-workers', '4')
  await writeFile(join(top, 'user/.config/xorbit/config.toml'), 'endpont = "x"\n')
  expect((await examine()).findings).toContainEqual(
    problem(/line 1: There is no setting "endpont"/, /correct .*config\.toml/),
  )
})

test('offline nobody is asked', async () => {
  const { facts, findings } = await examine({ HF_HUB_OFFLINE: '1', HF_ENDPOINT: 'http://127.0.0.1:1' })
  expect([facts.hub, findings.filter(({ level }) => level === 'problem')]).toEqual(['not asked: offline', []])
})
