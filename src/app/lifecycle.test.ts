import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runFiles } from '../base/config.ts'
import { silentLog } from '../base/log.ts'
import { startServer } from './lifecycle.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-lifecycle-'))
afterAll(() => rm(scratch, { recursive: true }))

const start = (name: string, place: { host?: string; port?: number } = {}) =>
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
