/** The homes that scenarios begin with, made by a real server once a run, and what is true of them. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { keepReserve } from '../../src/store/space.ts'
import { seededBytes } from '../faults/forge.ts'
import { GOLDEN, GOLDEN_FILES } from '../vectors/golden-home.ts'
import { type Client, sha256, text } from './client.ts'
import { copyTreeNow } from './copy-tree.ts'
import { type Fact, Facts } from './facts.ts'
import { withServer } from './stand.ts'
import type { WorldName } from './world-name.ts'

export interface World {
  /** A folder that holds `home`. */
  readonly folder: string
  readonly facts: readonly Fact[]
}

/** The world of this name below `scratch`. */
export async function makeWorld(name: WorldName, scratch: string): Promise<World> {
  const folder = join(scratch, `world-${name}`)
  const home = join(folder, 'home')
  await mkdir(folder, { recursive: true })
  if (name === 'nothing') return { folder, facts: [] }
  if (name !== 'first-layout') return { folder, facts: await makeNew(home, name) }
  copyTreeNow(GOLDEN, home)
  // Its sixty-four writes would be as many points that say nothing.
  await keepReserve(home)
  const files = Object.entries(GOLDEN_FILES)
  const served = files.map(([path, bytes]) => ({ is: 'file', url: `/${path}`, sha256: sha256(bytes) }) as const)
  return { folder, facts: [...served, { is: 'gone', url: '/golden/model/resolve/main/config.json' }] }
}

async function makeNew(home: string, name: WorldName): Promise<Fact[]> {
  const facts = new Facts()
  const say = facts.say()
  await withServer(home, say, async (client) => {
    const large = seededBytes(1, 50_000)
    await client.createRepo('ann/kept')
    const line = await client.upload('ann/kept', 'large.bin', large)
    const xet = await client.publish('ann/kept', 'xet.bin', 3, [30_000, 20_000])
    await client.commit('ann/kept', [line, xet, text('readme.txt', 'kept')], {
      'large.bin': sha256(large),
      'xet.bin': xet.value.oid,
      'readme.txt': sha256('kept'),
    })
    await client.createRef('ann/kept', 'branch', 'spare')
    if (name === 'usual') await addMore(client)
  })
  // Commits of what is gone are not asked for.
  return facts.list().filter((fact) => fact.is !== 'commit' || fact.repo === 'ann/kept')
}

async function addMore(client: Client): Promise<void> {
  const large = seededBytes(1, 50_000)
  await client.createRepo('ann/doomed')
  const own = seededBytes(2, 45_000)
  const lines = [
    await client.upload('ann/doomed', 'own.bin', own),
    await client.upload('ann/doomed', 'shared.bin', large),
  ]
  await client.commit('ann/doomed', [...lines, text('readme.txt', 'doomed')], {
    'own.bin': sha256(own),
    'shared.bin': sha256(large),
    'readme.txt': sha256('doomed'),
  })
  await client.createRepo('ann/movable')
  const small = seededBytes(6, 12_000)
  await client.commit('ann/movable', [await client.upload('ann/movable', 'm.bin', small)], { 'm.bin': sha256(small) })
  // Garbage: of a repository that is gone, and never committed.
  await client.createRepo('ann/gone')
  const gone = seededBytes(5, 25_000)
  await client.commit('ann/gone', [await client.upload('ann/gone', 'g.bin', gone)], { 'g.bin': sha256(gone) })
  await client.deleteRepo('ann/gone', ['g.bin'])
  await client.upload('ann/kept', 'never.bin', seededBytes(4, 30_000))
}
