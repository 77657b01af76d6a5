import { chmod, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { send } from '../../test/farm/http-send.ts'
import { withAdmin } from '../actions/open-admin.ts'
import { systemClock } from '../base/clock.ts'
import { runFiles } from '../base/config.ts'
import { silentLog } from '../base/log.ts'
import { parsePublicUrl } from '../http/origin.ts'
import { openHome } from '../store/home.ts'
import { startServer } from './lifecycle.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const scratch = await mkdtemp(join(tmpdir(), 'xorbit-lifecycle-'))
afterAll(() => rm(scratch, { recursive: true }))

const start = (name: string, place: { host?: string; port?: number; publicUrl?: string } = {}) =>
  startServer({
    home: join(scratch, name),
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    firstUser: 'ann',
    log: silentLog,
    ...place,
  })

test('a port that is taken is said, and the home is free again', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  await expect(start('taken', { port })).rejects.toMatchObject({ kind: 'usage', code: 'PORT_TAKEN' })
  await new Promise((resolve) => other.close(resolve))
  const server = await start('taken', { port })
  expect(server.url).toBe(`http://127.0.0.1:${port}`)
  await expect(start('taken')).rejects.toMatchObject({ kind: 'busy', code: 'FOLDER_IN_USE' })
  await server.stop()
})

test('no server that others reach with the automatic token alone', async () => {
  await expect(start('open', { host: '0.0.0.0' })).rejects.toMatchObject({ kind: 'usage', code: 'BIND_EXPOSED' })
})

test('a token file that others may read ends the start', async () => {
  const { token } = runFiles(join(scratch, 'exposed'))
  const first = await start('exposed')
  await first.stop()
  expect((await readFile(token, 'utf8')).trim()).toBe(first.token)
  await chmod(token, 0o644)
  await expect(start('exposed')).rejects.toMatchObject({ kind: 'usage', code: 'TOKEN_FILE_EXPOSED' })
})

test('a disk that takes no write makes it not ready, with the reason, and reads go on', async () => {
  const server = await start('full')
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  await server.stop()
  await rm(join(scratch, 'full/run/probe'))
  await symlink('/dev/full', join(scratch, 'full/run/probe'))
  const full = await start('full')
  const ready = await fetch(`${full.url}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([
    503,
    expect.objectContaining({ reasons: [expect.stringContaining('ENOSPC')] }),
  ])
  expect((await fetch(`${full.url}/livez`)).status).toBe(200)
  await full.stop()
})

test('while a commit to the catalog cannot go on, others are answered', async () => {
  const server = await start('held')
  const ask = (path: string, method: string, body: Record<string, string>) =>
    send(server.url, path, { method, token: server.token as string, headers: JSON_TYPE, body })
  const repo = { organization: 'ann', name: 'gone', type: 'model' }
  expect((await ask('/api/repos/create', 'POST', repo)).status).toBe(200)
  const held = new DatabaseSync(join(server.home, 'catalog.db'))
  held.exec('BEGIN IMMEDIATE')
  let isDeleted = false
  const deleted = ask('/api/repos/delete', 'DELETE', repo).then(({ status }) => {
    isDeleted = true
    return status
  })
  for (let i = 0; i < 20; i++) {
    await systemClock.sleep(10)
    expect((await send(server.url, '/health')).status).toBe(200)
  }
  expect(isDeleted).toBe(false)
  held.close()
  expect(await deleted).toBe(200)
  await server.stop()
  expect(await readdir(server.home)).not.toContain('catalog.db-wal')
})

test('a home whose users were made before it was served still gets somebody who runs it', async () => {
  const home = join(scratch, 'users-first')
  await withAdmin(home, (admin) => admin.createUser('zoe', 'write'))
  await expect(readFile(runFiles(home).token)).rejects.toThrow('ENOENT')
  const server = await start('users-first')
  expect(server.token).toMatch(/^hf_/)
  expect(await withAdmin(home, (admin) => admin.listTokens('ann'))).toMatchObject([{ scope: 'admin' }])
  await server.stop()
})

test('a first token that a crash kept from its file is made anew, a used one is not', async () => {
  const first = await start('crashed')
  await first.stop()
  await rm(runFiles(first.home).token)
  const second = await start('crashed')
  expect(second.token).toMatch(/^hf_/)
  expect(second.token).not.toBe(first.token)
  await withAdmin(first.home, (admin) => admin.listTokens())
  await second.stop()
  await rm(runFiles(first.home).token)
  const third = await start('crashed')
  expect(third.token).toBe(null)
  await expect(withAdmin(first.home, (admin) => admin.listTokens())).rejects.toMatchObject({
    kind: 'usage',
    code: 'ADMIN_TOKEN_MISSING',
    message: expect.stringContaining('no admin token in this home'),
  })
  await third.stop()
})

test('commands at the same time on a stopped home wait for each other', async () => {
  const home = join(scratch, 'together')
  const names = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6']
  await Promise.all(names.map((name) => withAdmin(home, (admin) => admin.createUser(name, 'read'))))
  expect((await withAdmin(home, (admin) => admin.listTokens())).length).toBe(6)
})

test('a home that somebody else keeps without serving is busy', async () => {
  const home = await openHome(join(scratch, 'kept'), systemClock)
  await expect(withAdmin(home.path, (admin) => admin.listTokens())).rejects.toMatchObject({ kind: 'busy' })
  home.lock.release()
})

test('reading a home that is not there makes none', async () => {
  const home = join(scratch, 'nowhere')
  const reading = withAdmin(home, (admin) => admin.listTokens(), { isReading: true })
  await expect(reading).rejects.toMatchObject({ kind: 'not-found', code: 'HOME_MISSING' })
  await expect(readdir(home)).rejects.toThrow('ENOENT')
})

test('behind a proxy, answers lead to the public address, and only those to its clients', async () => {
  const server = await start('proxied', { publicUrl: 'https://hub.example:8443' })
  const asked = async (host: string) => {
    const reply = await send(server.url, '/', { headers: { host } })
    return [reply.status, /HF_ENDPOINT=(\S+)/.exec(reply.body.toString())?.[1]]
  }
  expect(await asked('HUB.example:8443')).toEqual([200, 'https://hub.example:8443'])
  expect(await asked('localhost:1')).toEqual([200, 'http://localhost:1'])
  expect((await asked('hub.example'))[0]).toBe(403)
  await server.stop()
})

test.each(['hub.example', 'ftp://hub.example', 'https://hub.example/path', 'https://a@hub.example', 'https://'])(
  '--public-url %s is refused',
  (text) => {
    expect(() => parsePublicUrl(text)).toThrow(expect.objectContaining({ code: 'PUBLIC_URL_INVALID' }))
  },
)
