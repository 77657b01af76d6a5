/** What was damaged at rest is fetched anew from another Hub, and only what is right. */
import { randomBytes } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { repairFiles } from '../../src/actions/repair.ts'
import { scrubStore } from '../../src/actions/scrub.ts'
import { HubServer } from '../hub/hub-server.ts'

const [here, there] = [await HubServer.start(), await HubServer.start()]
const { store } = here.parts
const endpoint = `http://127.0.0.1:${there.port}`
afterAll(async () => {
  await here.remove()
  await there.remove()
})

const scrubbed = async () => (await scrubStore(store, { bytesPerSecond: 1e12, restart: true })).problems
const damagedFiles = async () => (await scrubbed()).filter(({ kind }) => kind === 'file').map(({ name }) => name)

async function push(hub: HubServer, repo: string, path: string, content: Buffer): Promise<void> {
  const line = await hub.upload(`alice/${repo}`, path, content)
  expect((await hub.commit(`alice/${repo}`, [line])).status).toBe(200)
}

async function damageAll(): Promise<void> {
  const folder = join(here.home, 'blobs', 'xorbs')
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/[0-9a-f]{64}$/.test(name)) continue
    const file = await open(join(folder, name), 'r+')
    await file.write(Buffer.from('spoilt'), 0, 6, 20_000)
    await file.close()
  }
}

test('damaged files come back from a Hub that has them, others are named with the reason', async () => {
  for (const hub of [here, there]) {
    await hub.create('shared')
    await hub.create('closed', { private: true })
  }
  await here.create('lonely')
  const [shared, closed, lonely] = [randomBytes(300_000), randomBytes(200_000), randomBytes(100_000)]
  await push(here, 'shared', 'w.bin', shared)
  await push(there, 'shared', 'renamed/w.bin', shared)
  await push(here, 'closed', 'c.bin', closed)
  await push(there, 'closed', 'c.bin', closed)
  await push(here, 'lonely', 'l.bin', lonely)
  await damageAll()
  const files = await damagedFiles()
  expect(files.length).toBe(3)
  expect((await here.ask('/alice/shared/resolve/main/w.bin')).status).toBe(404)

  const open = await repairFiles(store, { endpoint, token: null, files })
  expect(open.repaired.length).toBe(1)
  expect((await here.ask('/alice/shared/resolve/main/w.bin')).body.equals(shared)).toBe(true)
  const withToken = await repairFiles(store, { endpoint, token: there.alice, files: await damagedFiles() })
  expect(withToken.repaired.length).toBe(1)
  expect((await here.ask('/alice/closed/resolve/main/c.bin', { token: here.alice })).body.equals(closed)).toBe(true)
  expect(withToken.missing).toMatchObject([{ why: expect.stringContaining('has no file of SHA-256') }])
  expect(await damagedFiles()).toEqual(withToken.missing.map(({ file }) => file))
})

test('a Hub that sends other bytes than it lists repairs nothing', async () => {
  const content = randomBytes(250_000)
  for (const hub of [here, there]) {
    await hub.create('lied-about')
    await push(hub, 'lied-about', 'x.bin', content)
  }
  await damageAll()
  // The other side's copy is damaged too, and its server would not send it.
  const folder = join(there.home, 'blobs', 'xorbs')
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/[0-9a-f]{64}$/.test(name)) continue
    const file = await open(join(folder, name), 'r+')
    await file.write(Buffer.from('spoilt'), 0, 6, 30_000)
    await file.close()
  }
  const files = await damagedFiles()
  const { repaired, missing } = await repairFiles(store, { endpoint, token: there.alice, files })
  expect([repaired, missing.map(({ file }) => file)]).toEqual([[], files])
  expect((await here.ask('/alice/lied-about/resolve/main/x.bin')).status).toBe(404)
})
