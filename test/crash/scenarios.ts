/** What is done while the power goes. Each can be done again on what a crash left: the second time must succeed. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seededBytes } from '../faults/forge.ts'
import { sha256, text, urlOf } from './client.ts'
import type { Place } from './place.ts'
import { FIRST_USER } from './stand.ts'
import type { WorldName } from './world-name.ts'

export interface Scenario {
  readonly name: string
  readonly does: string
  /** The world that it begins with. */
  readonly from: WorldName
  /** Begins as if so many days had passed since the world was made. */
  readonly daysAfter?: number
  run(place: Place): Promise<void>
}

const push: Scenario = {
  name: 'push',
  does: 'a new repository; a file by xorb, shard and commit, another by LFS',
  from: 'small',
  async run({ client }) {
    await client.createRepo('ann/new')
    const xet = await client.publish('ann/new', 'weights.bin', 31, [40_000, 30_000, 9_000])
    const plain = seededBytes(32, 20_000)
    const lfs = await client.upload('ann/new', 'lfs.bin', plain)
    await client.commit('ann/new', [xet, lfs, text('config.json', '{}')], {
      'weights.bin': xet.value.oid,
      'lfs.bin': sha256(plain),
      'config.json': sha256('{}'),
    })
  },
}

const commit: Scenario = {
  name: 'commit',
  does: 'commits that add, replace, copy and remove files; a branch and an annotated tag',
  from: 'small',
  async run({ client }) {
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
  },
}

const remove: Scenario = {
  name: 'delete',
  does: 'a repository deleted whose files another one shares, one moved, a branch deleted',
  from: 'usual',
  async run({ client, say }) {
    await client.deleteRepo('ann/doomed', ['own.bin', 'shared.bin', 'readme.txt'])
    const [from, to] = [urlOf('ann/movable', 'm.bin'), urlOf('ann/moved', 'm.bin')]
    say.doubt(from, to, 'ref ann/movable main')
    const body = { fromRepo: 'ann/movable', toRepo: 'ann/moved', type: 'model' }
    await client.ask('/api/repos/move', { method: 'POST', body }, [200, 404, 409])
    say.fact({ is: 'file', url: to, sha256: sha256(seededBytes(6, 12_000)) })
    say.fact({ is: 'ref', repo: 'ann/moved', name: 'main' })
    const spare = urlOf('ann/kept', 'large.bin', 'spare')
    say.doubt('ref ann/kept spare', spare)
    await client.ask('/api/models/ann/kept/branch/spare', { method: 'DELETE' }, [200, 404])
    say.fact({ is: 'gone', url: spare })
  },
}

const sweep: Scenario = {
  name: 'sweep',
  does: 'garbage marked and moved to the trash, partly asked for again, deleted after its time; then all at once',
  from: 'usual',
  // What was promised when the world was made is promised no more.
  daysAfter: 40,
  async run({ client, say, sweep, later }) {
    const again = seededBytes(4, 30_000)
    // What no commit names may go now.
    say.doubt(...GARBAGE.map((bytes) => `stored ${sha256(bytes)}`))
    await sweep({ now: false })
    await client.upload('ann/kept', 'again.bin', again)
    later(10)
    await sweep({ now: false })
    const line = await client.upload('ann/kept', 'again.bin', again)
    await client.commit('ann/kept', [line], { 'again.bin': sha256(again) })
    say.doubt(`stored ${sha256(seededBytes(6, 12_000))}`)
    await client.deleteRepo('ann/movable', ['m.bin'])
    await sweep({ now: true })
  },
}
const GARBAGE = [seededBytes(4, 30_000), seededBytes(5, 25_000)]

const backup: Scenario = {
  name: 'backup',
  does: 'a backup of a home that is served; its files are copies',
  from: 'small',
  async run({ world, client, say, backup }) {
    await client.commit('ann/kept', [text('late.txt', 'late')], { 'late.txt': sha256('late') })
    // One that was cut short is no backup: each gets a folder of its own.
    const count = (await readdir(world)).filter((name) => name.startsWith('backup')).length
    const folder = `backup-${count}`
    await backup(join(world, folder))
    say.fact({ is: 'backup', folder })
  },
}

const migration: Scenario = {
  name: 'migration',
  does: 'a home of the first layout is served for the first time by this version, and written to',
  from: 'first-layout',
  async run({ client }) {
    await client.commit('golden/model', [text('new.txt', 'new')], { 'new.txt': sha256('new') })
  },
}

const start: Scenario = {
  name: 'start',
  does: 'a server starts where there was no home: databases, first user and token, reserve',
  from: 'nothing',
  async run({ client, say }) {
    await client.ask('/api/whoami-v2', {})
    say.fact({ is: 'user', name: FIRST_USER })
    await client.createRepo(`${FIRST_USER}/first`)
  },
}

export const SCENARIOS: readonly Scenario[] = [push, commit, remove, sweep, backup, migration, start]
