/** Uploads beside an eager sweep (fault G17), and the races by which other registries lost data, each by name. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AppError } from '../../src/base/app-error.ts'
import { ManualClock } from '../../src/base/clock.ts'
import { DedupIndex } from '../../src/cas/dedup-index.ts'
import { bytesOf, chunkOf, FILES, SmallCas, sha256Of, xorbOf } from './small-cas.ts'

const DAY = 86_400

async function started(): Promise<{ cas: SmallCas; clock: ManualClock }> {
  const clock = new ManualClock(1_800_000_000)
  return { cas: new SmallCas(clock), clock }
}

/** Sweeps once, when `name` is about to be called. */
function sweepBefore(cas: SmallCas, name: string, skipWaits: boolean): () => boolean {
  let isDone = false
  cas.onChange = async (change) => {
    if (change !== name || isDone) return
    isDone = true
    await cas.sweep(skipWaits)
  }
  return () => isDone
}

for (const skipWaits of [false, true]) {
  const how = skipWaits ? 'without waits' : 'after all leases ended'
  test(`the quay race: a blob known and unneeded is uploaded while the sweep, ${how}, is at it`, async () => {
    const { cas, clock } = await started()
    await cas.putXorb('ann', 0)
    clock.advance(30 * DAY)
    // The copy is found stored, and no lease holds it until the upload writes one.
    const hasSwept = sweepBefore(cas, 'write', skipWaits)
    await cas.putXorb('bob', 0)
    expect(hasSwept()).toBe(true)
    cas.onChange = async () => undefined
    await cas.putShard('bob', 0)
    expect(await cas.commit('bob', 'r', 0)).toBe(true)
    for (let i = 0; i < 3; i++) {
      clock.advance(30 * DAY)
      await cas.sweep()
    }
    expect((await cas.read(0)).equals(bytesOf(0))).toBe(true)
  })
}

test('a sweep between the xorbs and their shard, and between shard and commit, takes nothing', async () => {
  const { cas, clock } = await started()
  for (const block of [1, 2]) {
    await cas.putXorb('ann', block)
    clock.advance(2 * DAY)
    await cas.sweep()
  }
  await cas.putShard('ann', 2)
  clock.advance(10 * DAY)
  await cas.sweep()
  expect(await cas.commit('ann', 'r', 2)).toBe(true)
  await cas.sweep()
  expect((await cas.read(2)).equals(bytesOf(2))).toBe(true)
})

test('what a chunk query answered on its last day can be used for 21 more', async () => {
  const { cas, clock } = await started()
  await cas.putXorb('ann', 0)
  await cas.putShard('ann', 0)
  await cas.commit('ann', 'r', 0)
  clock.advance(100 * DAY)
  expect(await new DedupIndex(cas.holdings, new Uint8Array(32)).answer('ann', chunkOf(0))).not.toBeNull()
  await cas.deleteRepo('r')
  clock.advance(21 * DAY)
  await cas.sweep()
  await cas.putXorb('ann', 1)
  await cas.putShard('ann', 1)
  expect(await cas.commit('ann', 'r2', 1)).toBe(true)
})

test('a xorb in the trash comes back by its upload and stays', async () => {
  const { cas, clock } = await started()
  await cas.putXorb('ann', 0)
  clock.advance(30 * DAY)
  await cas.sweep()
  expect(await cas.listXorbs()).toEqual([])
  await cas.putXorb('bob', 0)
  expect(await cas.listXorbs()).toEqual([xorbOf(0)])
  clock.advance(8 * DAY)
  await cas.sweep()
  await cas.putShard('bob', 0)
  expect(await cas.commit('bob', 'r', 0)).toBe(true)
})

/** Sweeps until so many commits were acknowledged; a refusal is counted, a loss fails. */
async function soak(skipWaits: boolean, wanted: number): Promise<{ refused: number; sweeps: number; gone: number }> {
  const { cas, clock } = await started()
  const counts = { acknowledged: 0, refused: 0, sweeps: 0, gone: 0 }
  let isOver = false
  cas.onChange = async (name) => {
    if (name === 'purge') counts.gone++
    await turn()
  }
  const push = async (who: string, repo: string, file: number): Promise<void> => {
    for (const block of FILES[file] ?? []) await cas.putXorb(who, block)
    await cas.putShard(who, file)
    if (!(await cas.commit(who, repo, file))) throw new AppError('conflict', 'LFS_OBJECT_MISSING', 'not there')
  }
  const pusher = async (who: string, seed: number): Promise<void> => {
    for (let i = seed; !isOver; i++) {
      const [repo, file] = [`${who}-${i % 3}`, i % FILES.length]
      try {
        await push(who, repo, file)
        counts.acknowledged++
        expect((await cas.read(file)).equals(bytesOf(file))).toBe(true)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        counts.refused++
      }
      if (i % 4 !== 3) await cas.deleteRepo(repo)
    }
  }
  const sweeps = (async () => {
    for (; counts.acknowledged < wanted; counts.sweeps++) {
      await cas.sweep(skipWaits)
      clock.advance(skipWaits ? 7 : DAY / 4)
      await turn()
    }
    isOver = true
  })()
  await Promise.all([sweeps, pusher('ann', 0), pusher('bob', 1), pusher('eve', 3)])
  // Every commit that was acknowledged and not deleted is there.
  for (const [repo, files] of cas.roots.repos) {
    for (const [i] of FILES.entries()) {
      if (files.has(sha256Of(i))) expect([repo, (await cas.read(i)).equals(bytesOf(i))]).toEqual([repo, true])
    }
  }
  return counts
}

test('soak: uploads beside an eager sweep never lose a chunk and are never refused', async () => {
  const { refused, sweeps } = await soak(false, 300)
  expect(refused).toBe(0)
  expect(sweeps).toBeGreaterThan(30)
}, 60_000)

test('soak: uploads beside a sweep without waits lose nothing that was acknowledged', async () => {
  const { sweeps, gone } = await soak(true, 600)
  expect(sweeps).toBeGreaterThan(30)
  expect(gone).toBeGreaterThan(10)
}, 60_000)

test('a mark that makes no sense is refused, not read as a time', async () => {
  const { cas } = await started()
  await cas.putXorb('ann', 0)
  const mark = { kind: 'mark', key: `xorb:${xorbOf(0)}`, value: new Uint8Array(3) }
  await cas.holdings.catalog.write({ records: [mark] })
  await expect(cas.sweep()).rejects.toMatchObject({ kind: 'damaged', code: 'CATALOG_RECORD_BAD' })
})
