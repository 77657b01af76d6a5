/**
 * SIGTERM while the real server works: what runs may end, what stands still is cut and can be done again, and the process
 * ends in any case within the time that whoever stops it waits.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { DRAIN_MS } from '../../src/http/limits.ts'
import { send } from '../farm/http-send.ts'
import { HubProcess } from '../farm/hub-process.ts'

const MIB = 1 << 20
const content = randomBytes(24 * MIB)
const oid = createHash('sha256').update(content).digest('hex')
let folder = ''
let hub: HubProcess
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-stop-'))
  hub = await HubProcess.start(folder)
  await post('/api/repos/create', { name: 'x', organization: 'admin', type: 'model' })
})
afterEach(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})

async function post(path: string, body: Record<string, unknown> | string) {
  const reply = await send(hub.url, path, { method: 'POST', token: hub.adminToken, body })
  expect([path, reply.status]).toEqual([path, 200])
  return reply.json() as { objects?: { actions?: { upload: { href: string } } }[] }
}

function request(lines: readonly string[]): Socket {
  const { hostname, port } = new URL(hub.url)
  const socket = connect(Number(port), hostname)
  // What the server cuts is seen by how the socket ends.
  socket.on('error', () => socket.destroy())
  socket.write(
    `${[...lines, `Host: ${hostname}:${port}`, `Authorization: Bearer ${hub.adminToken}`].join('\r\n')}\r\n\r\n`,
  )
  return socket
}

/** The socket of an upload that the server has begun to take. */
async function beginUpload(): Promise<Socket> {
  const batch = { operation: 'upload', transfers: ['basic'], objects: [{ oid, size: content.length }] }
  const href = (await post('/admin/x.git/info/lfs/objects/batch', batch)).objects?.[0]?.actions?.upload.href as string
  const { pathname, search } = new URL(href)
  const socket = request([`PUT ${pathname}${search} HTTP/1.1`, `Content-Length: ${content.length}`])
  const metrics = () => send(hub.url, '/metrics', { token: hub.adminToken }).then(({ body }) => body.toString())
  await expect.poll(metrics).toContain('xorbit_uploads_open 1\n')
  return socket
}

async function commitAndRead(): Promise<Buffer> {
  const lines = [
    { key: 'header', value: { summary: 'large' } },
    { key: 'lfsFile', value: { path: 'w.bin', algo: 'sha256', oid, size: content.length } },
  ]
  await post('/api/models/admin/x/commit/main', lines.map((line) => JSON.stringify(line)).join('\n'))
  return (await send(hub.url, '/admin/x/resolve/main/w.bin', { token: hub.adminToken })).body
}

/** Resolves with how long the process still ran. */
async function stopped(): Promise<number> {
  const begun = systemClock.monotonicMs()
  await hub.stop()
  return systemClock.monotonicMs() - begun
}

const refusesMore = () =>
  expect
    .poll(() =>
      send(hub.url, '/health').then(
        ({ status }) => status,
        () => 'refused',
      ),
    )
    .not.toBe(200)

test('an upload that goes on is taken to its end, and is there after the next start', async () => {
  const upload = await beginUpload()
  upload.write(content.subarray(0, 10 * MIB))
  const answered = once(upload, 'data')
  const ending = stopped()
  await refusesMore()
  upload.write(content.subarray(10 * MIB))
  expect(String((await answered)[0])).toMatch(/^HTTP\/1\.1 200/)
  expect(await ending).toBeLessThan(DRAIN_MS - 1_000)
  await hub.start()
  expect((await commitAndRead()).equals(content)).toBe(true)
})

test('an upload that stands still is cut in time, leaves nothing behind, and succeeds when it is tried again', async () => {
  const upload = await beginUpload()
  upload.write(content.subarray(0, 10 * MIB))
  const closed = once(upload, 'close')
  expect(await stopped()).toBeLessThan(DRAIN_MS + 3_000)
  await closed
  await hub.start()
  expect((await readdir(join(hub.home, 'blobs/tmp'))).filter((name) => name !== 'lfs')).toEqual([])
  const again = await beginUpload()
  again.write(content)
  expect(String((await once(again, 'data'))[0])).toMatch(/^HTTP\/1\.1 200/)
  again.destroy()
  expect((await commitAndRead()).equals(content)).toBe(true)
})

test('a download that is read is given to its end, one that is not is cut and goes on after the next start', async () => {
  const upload = await beginUpload()
  upload.write(content)
  await once(upload, 'data')
  upload.destroy()
  await commitAndRead()
  const download = () => request(['GET /admin/x/resolve/main/w.bin HTTP/1.1', 'Connection: close'])
  const [read, unread] = [download(), download()]
  for (const socket of [read, unread]) await once(socket, 'readable')
  const ending = stopped()
  await refusesMore()
  expect((await bodyOf(read)).equals(content)).toBe(true)
  expect(await ending).toBeLessThan(DRAIN_MS + 3_000)
  const part = await bodyOf(unread)
  expect(part.length).toBeLessThan(content.length)
  await hub.start()
  const rest = await send(hub.url, '/admin/x/resolve/main/w.bin', {
    ...{ token: hub.adminToken, headers: { range: `bytes=${part.length}-` } },
  })
  expect(Buffer.concat([part, rest.body]).equals(content)).toBe(true)
})

/** What came behind the headers, to the end of the connection. */
async function bodyOf(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  if (!socket.closed) await once(socket, 'close')
  const all = Buffer.concat(parts)
  return all.subarray(all.indexOf('\r\n\r\n') + 4)
}
