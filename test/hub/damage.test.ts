/** A flipped bit at rest never leaves as a file: an error before the first byte, a connection cut short after it. */
import { createHash, randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { flipByte } from '../cas/flip-byte.ts'
import { file, HubServer } from './hub-server.ts'

let hub: HubServer
beforeAll(async () => {
  hub = await HubServer.start()
  await hub.create('r')
})
afterAll(() => hub.remove())

/** The largest xorb file: the one just stored. */
async function largestXorb(): Promise<string> {
  const folder = join(hub.home, 'blobs/xorbs')
  const names = await readdir(folder, { recursive: true })
  const sized = await Promise.all(names.map(async (name) => ({ name, stats: await stat(join(folder, name)) })))
  const files = sized.filter(({ stats }) => stats.isFile()).sort((a, b) => b.stats.size - a.stats.size)
  return join(folder, files[0]?.name ?? '')
}

test('damage in the middle: the first read is cut short, later ones are refused, sending it again repairs it', async () => {
  const content = randomBytes(8_000_000)
  const other = randomBytes(50_000)
  const lines = [
    await hub.upload('alice/r', 'w.bin', content),
    await hub.upload('alice/r', 'o.bin', other),
    file('s', 's'),
  ]
  expect((await hub.commit('alice/r', lines)).status).toBe(200)
  const epoch = (await hub.ask('/api/models/alice/r/xet-read-token/main')).json.casUrl
  await flipByte(await largestXorb(), 6_000_000)

  const head = await hub.ask('/alice/r/resolve/main/w.bin', { headers: { range: 'bytes=0-99' } })
  expect([head.status, head.body.equals(content.subarray(0, 100))]).toEqual([206, true])
  await expect(hub.ask('/alice/r/resolve/main/w.bin')).rejects.toThrow(/aborted|hang up|ECONNRESET/)

  const again = await hub.ask('/alice/r/resolve/main/w.bin')
  expect([again.status, again.json.code]).toEqual([404, 'LFS_CONTENT_LOST'])
  expect(again.json.error).toContain('w.bin')
  expect(again.headers['x-error-code']).toBeUndefined()
  expect((await hub.ask('/alice/r/resolve/main/o.bin')).body.equals(other)).toBe(true)
  const { json } = await hub.ask('/api/models/alice/r/tree/main')
  expect(json.find(({ path }: { path: string }) => path === 'w.bin').xetHash).toBeUndefined()
  expect((await hub.ask('/api/models/alice/r/xet-read-token/main')).json.casUrl).not.toBe(epoch)

  await hub.upload('alice/r', 'w.bin', content)
  const healed = await hub.ask('/alice/r/resolve/main/w.bin')
  expect(createHash('sha256').update(healed.body).digest('hex')).toBe(
    createHash('sha256').update(content).digest('hex'),
  )
})

test('damage in the first bytes is an error answer that names the file', async () => {
  const content = randomBytes(9_000_000)
  await hub.commit('alice/r', [await hub.upload('alice/r', 'first.bin', content)])
  await flipByte(await largestXorb(), 100)
  const answer = await hub.ask('/alice/r/resolve/main/first.bin')
  expect(answer.status).toBe(404)
  expect(answer.json.error).toContain('first.bin')
})
