/** Damage at rest is found, contained, named with its remedy, and healed by sending the file again. */
import { createHash, randomBytes } from 'node:crypto'
import { open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { examine } from '../../src/actions/doctor.ts'
import { scrubStore } from '../../src/actions/scrub.ts'
import { ManualClock } from '../../src/base/clock.ts'
import { MemoryCatalog } from '../../src/store/memory-catalog.ts'
import { findScrub, scrub } from '../../src/store/scrub.ts'
import { encodeTrailer, SegmentTableBuilder } from '../../src/store/segment-table.ts'
import { HubServer } from '../hub/hub-server.ts'

const server = await HubServer.start()
const { store } = server.parts
afterAll(() => server.remove())

const fast = { bytesPerSecond: 1e12, restart: false }

async function pathsOf(kind: 'xorbs' | 'shards'): Promise<string[]> {
  const folder = join(server.home, 'blobs', kind)
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => /[0-9a-f]{64}$/.test(name)).map((name) => join(folder, name))
}

async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, offset)
  byte[0] = (byte[0] as number) ^ 1
  await file.write(byte, 0, 1, offset)
  await file.close()
}

async function push(path: string, content: Buffer): Promise<void> {
  const line = await server.upload('alice/s', path, content)
  expect((await server.commit('alice/s', [line])).status).toBe(200)
}

test('finds a flipped byte, bytes that are sound but not those of the name, and a lost shard; the rest is read', async () => {
  await server.create('s')
  const contents = [randomBytes(500_000), randomBytes(200_000), randomBytes(150_000)]
  for (const [i, content] of contents.entries()) await push(`${i}.bin`, content)
  const clean = await scrubStore(store, fast)
  expect(clean).toMatchObject({ checked: 9, problemCount: 0 })
  expect(clean.finishedSeconds).not.toBeNull()
  expect(await examine(store)).toEqual([])

  const xorbs = await pathsOf('xorbs')
  await flip(xorbs[0] as string, 1000)
  // A whole file of records with right CRCs: another xorb's under this name.
  const table = new SegmentTableBuilder()
  const other = Buffer.from([0, 5, 0, 0, 0, 5, 0, 0, 1, 2, 3, 4, 5])
  table.add(other)
  await writeFile(xorbs[1] as string, Buffer.concat([other, encodeTrailer(table.finish())]))
  const [shard] = await pathsOf('shards')
  await flip(shard as string, 100)
  const epoch = store.accounts.epoch.current()
  const { problems, checked } = await scrubStore(store, fast)
  expect(checked).toBe(9)
  const kinds = problems.map(({ kind }) => kind)
  expect(kinds.filter((kind) => kind === 'xorb')).toHaveLength(2)
  expect(kinds.filter((kind) => kind === 'shard')).toHaveLength(1)
  // The files that need the two xorbs, by name.
  expect(kinds.filter((kind) => kind === 'file')).toHaveLength(2)
  expect(store.accounts.epoch.current()).not.toBe(epoch)
  const findings = await examine(store)
  expect(findings.every(({ remedy }) => remedy !== '')).toBe(true)
  expect(findings.some(({ what }) => /chunks of xorb [0-9a-f]{64} are damaged; it holds file:/.test(what))).toBe(true)

  for (const [i, content] of contents.entries()) await push(`${i}.bin`, content)
  for (const [i, content] of contents.entries()) {
    const { body } = await server.ask(`/alice/s/resolve/main/${i}.bin`, { token: server.alice })
    expect(createHash('sha256').update(body).digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
  }
  const healed = await scrubStore(store, { ...fast, restart: true })
  expect(healed.problems.filter(({ kind }) => kind !== 'shard')).toEqual([])
})

test('goes on where it was stopped, keeps its rate, and one item that throws does not stop it', async () => {
  const clock = new ManualClock()
  const catalog = new MemoryCatalog()
  const names = ['a', 'b', 'c', 'd']
  const seen: string[] = []
  const stop = new AbortController()
  const kinds = ['one', 'two'].map((kind) => ({
    kind,
    async *list(after: string) {
      yield* names.filter((name) => name > after)
    },
    async verify(name: string) {
      seen.push(kind + name)
      clock.advance(0.001)
      if (name === 'b') throw new Error('EIO: the disk')
      if (kind === 'two' && name === 'a' && !stop.signal.aborted) stop.abort()
      return { bytes: 10, problems: name === 'c' ? ['bad'] : [] }
    },
  }))
  const options = { catalog, clock, kinds, bytesPerSecond: 1e9, restart: false }
  const half = await scrub({ ...options, signal: stop.signal })
  expect(half).toMatchObject({ finishedSeconds: null, checked: 5, kind: 'two', after: 'a' })
  expect(await findScrub(catalog)).toEqual(half)
  const whole = await scrub(options)
  expect(seen).toEqual(['onea', 'oneb', 'onec', 'oned', 'twoa', 'twob', 'twoc', 'twod'])
  expect(whole).toMatchObject({ checked: 8, bytes: 60, problemCount: 4 })
  expect(whole.problems[0]).toEqual({ kind: 'one', name: 'b', problem: 'EIO: the disk' })

  // 10 bytes at 5 bytes a second: two seconds an item.
  let slept = 0
  const slow = Object.assign(Object.create(clock) as ManualClock, {
    sleep: async (ms: number) => {
      slept += ms
    },
    nowSeconds: () => 0,
    monotonicMs: () => 0,
  })
  await scrub({ ...options, kinds: kinds.slice(0, 1), clock: slow, bytesPerSecond: 5, restart: true })
  expect(slept).toBe(3 * 2000)
})
