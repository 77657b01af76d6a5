/** What is done while the power goes. Each can be done again on what a crash left: the second time must succeed. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { collectGarbage } from '../../src/actions/gc.ts'
import { withCare } from '../../src/actions/open-care.ts'
import { ManualClock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { seededBytes } from '../faults/forge.ts'
import { sha256, text, urlOf } from './client.ts'
import type { Say } from './facts.ts'
import { withServer, withStand } from './stand.ts'

const DAY = 86_400

export interface Scenario {
  readonly name: string
  readonly does: string
  /** The home that it begins with (worlds.ts). */
  readonly from: 'usual' | 'first-layout'
  /** `world` holds `home`, and whatever else the scenario makes. */
  run(world: string, say: Say): Promise<void>
}

const homeOf = (world: string) => join(world, 'home')

const push: Scenario = {
  name: 'push',
  does: 'a new repository; a file by xorb, shard and commit, another by LFS',
  from: 'usual',
  async run(world, say) {
    await withServer(homeOf(world), say, async (client) => {
      await client.createRepo('ann/new')
      const lengths = [40_000, 30_000, 9_000]
      const xet = await client.publish('ann/new', 'weights.bin', 31, lengths)
      const plain = seededBytes(32, 20_000)
      const lfs = await client.upload('ann/new', 'lfs.bin', plain)
      const oid = (xet as { value: { oid: string } }).value.oid
      await client.commit('ann/new', [xet, lfs, text('config.json', '{}')], {
        'weights.bin': oid,
        'lfs.bin': sha256(plain),
        'config.json': sha256('{}'),
      })
    })
  },
}

const commit: Scenario = {
  name: 'commit',
  does: 'commits that add, replace, copy and remove files; a branch and an annotated tag',
  from: 'usual',
  async run(world, say) {
    await withServer(homeOf(world), say, async (client) => {
      const [first, second] = [text('a.txt', 'first'), text('a.txt', 'second')]
      await client.commit('ann/kept', [first, text('b.txt', 'b')], { 'a.txt': sha256('first'), 'b.txt': sha256('b') })
      await client.createRef('ann/kept', 'branch', 'side')
      await client.createRef('ann/kept', 'tag', 'v1')
      await client.commit('ann/kept', [second], { 'a.txt': sha256('second') }, 'side')
      const gone = { key: 'deletedFile', value: { path: 'b.txt' } }
      const copy = { key: 'copyFile', value: { path: 'copy.bin', srcPath: 'large.bin', srcRevision: 'main' } }
      await client.commit('ann/kept', [gone, copy, second], {
        'a.txt': sha256('second'),
        'b.txt': null,
        'copy.bin': sha256(seededBytes(1, 50_000)),
      })
    })
  },
}

const remove: Scenario = {
  name: 'delete',
  does: 'a repository deleted whose files another one shares, one moved, a branch deleted',
  from: 'usual',
  async run(world, say) {
    await withServer(homeOf(world), say, async (client) => {
      await client.deleteRepo('ann/doomed', ['own.bin', 'shared.bin', 'readme.txt'])
      const [from, to] = ['/ann/movable/resolve/main/m.bin', '/ann/moved/resolve/main/m.bin']
      say.doubt(from, to, 'ref ann/movable main')
      const move = { fromRepo: 'ann/movable', toRepo: 'ann/moved', type: 'model' }
      await client.ask('/api/repos/move', { method: 'POST', body: move }, [200, 404, 409])
      const digest = sha256(seededBytes(6, 12_000))
      // The old name leads to the new one.
      say.fact({ is: 'file', url: to, sha256: digest }, { is: 'ref', repo: 'ann/moved', name: 'main' })
      say.doubt('ref ann/kept spare', urlOf('ann/kept', 'large.bin', 'spare'))
      await client.ask('/api/models/ann/kept/branch/spare', { method: 'DELETE' }, [200, 404])
      say.fact({ is: 'gone', url: urlOf('ann/kept', 'large.bin', 'spare') })
    })
  },
}

const sweep: Scenario = {
  name: 'sweep',
  does: 'garbage marked, moved to the trash, partly asked for again, deleted after its time; then all at once',
  from: 'usual',
  async run(world, say) {
    // Promises of the home have ended, those of this run have not.
    const clock = new ManualClock(systemClock.nowSeconds() + 40 * DAY)
    say.doubt(`stored ${sha256(seededBytes(4, 30_000))}`, `stored ${sha256(seededBytes(5, 25_000))}`)
    for (const seed of [2, 7]) say.doubt(`stored ${sha256(seededBytes(seed, 45_000))}`)
    await withStand(homeOf(world), { clock, say }, async ({ client, parts }) => {
      const gc = (now: boolean) => collectGarbage(parts.store, { dryRun: false, now })
      await gc(false)
      await client.upload('ann/kept', 'again.bin', seededBytes(4, 30_000))
      clock.advance(10 * DAY)
      await gc(false)
      await client.commit('ann/kept', [await client.upload('ann/kept', 'again.bin', seededBytes(4, 30_000))], {
        'again.bin': sha256(seededBytes(4, 30_000)),
      })
      await client.deleteRepo('ann/movable', ['m.bin'])
      say.doubt(`stored ${sha256(seededBytes(6, 12_000))}`)
      await gc(true)
    })
  },
}

const backup: Scenario = {
  name: 'backup',
  does: 'a backup of a home that is served; its files are copies',
  from: 'usual',
  async run(world, say) {
    const home = homeOf(world)
    await withServer(home, say, async (client) => {
      await client.commit('ann/kept', [text('late.txt', 'late')], { 'late.txt': sha256('late') })
      // One that was cut short is no backup: each gets a folder of its own.
      const count = (await readdir(world)).filter((name) => name.startsWith('backup')).length
      await withCare(home, silentLog, (care) => care.backup({ folder: join(world, `backup-${count}`), link: false }))
      say.fact({ is: 'backup', folder: `backup-${count}` })
    })
  },
}

const migration: Scenario = {
  name: 'migration',
  does: 'a home of the first layout is served for the first time by this version, and written to',
  from: 'first-layout',
  async run(world, say) {
    await withServer(homeOf(world), say, async (client) => {
      await client.createRepo('golden/after')
      await client.commit('golden/after', [text('new.txt', 'new')], { 'new.txt': sha256('new') })
    })
  },
}

export const SCENARIOS: readonly Scenario[] = [push, commit, remove, sweep, backup, migration]
