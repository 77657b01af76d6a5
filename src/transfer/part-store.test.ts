import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { ownerName } from '../base/process-owner.ts'
import { PartStore } from './part-store.ts'

const NAME = 'c'.repeat(64)
const DAY_MS = 24 * 3_600_000

let folder: string
let store: PartStore
const clock = new ManualClock()
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-parts-'))
  store = new PartStore(join(folder, 'parts'), clock)
})
afterEach(() => rm(folder, { recursive: true }))

/** A part that `owner` left, last written `ageMs` ago. */
async function leave(owner: string, content: string, ageMs = 0): Promise<string> {
  const path = join(folder, 'parts', `${NAME}.${owner}.${content.slice(0, 20)}`)
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'data'), content)
  const seconds = (clock.nowMs() - ageMs) / 1000
  await utimes(join(path, 'data'), seconds, seconds)
  return path
}

/** The name of a process like this one that has ended. */
async function endedOwner(): Promise<string> {
  const child = spawn('true')
  const [boot, namespace] = (await ownerName()).split('-')
  const name = `${boot}-${namespace}-${child.pid}-1`
  await once(child, 'exit')
  return name
}

const contentOf = async (part: Awaited<ReturnType<PartStore['open']>>) => (await part.data.readFile()).toString()

test('a part that was let go is gone on with, one that was discarded is not', async () => {
  const part = await store.open(NAME)
  await part.data.write('half')
  await part.release()
  const again = await store.open(NAME)
  expect(await contentOf(again)).toBe('half')
  await again.discard()
  expect(await readdir(join(folder, 'parts'))).toEqual([])
})

test('nobody takes the part of a process that runs', async () => {
  const part = await store.open(NAME)
  await part.data.write('mine')
  const other = await store.open(NAME)
  expect(await contentOf(other)).toBe('')
  await other.discard()
  await part.discard()
})

test('of the parts of ended processes the largest is taken over', async () => {
  const owner = await endedOwner()
  await leave(owner, 'x')
  await leave(owner, 'longer'.repeat(2000))
  const part = await store.open(NAME)
  expect(await contentOf(part)).toBe('longer'.repeat(2000))
  await part.discard()
})

test('a part of another machine is taken over when it was silent for long', async () => {
  await leave('feedbeef-1-1-1', 'busy', 60_000)
  const fresh = await store.open(NAME)
  expect(await contentOf(fresh)).toBe('')
  await fresh.discard()
  await leave('feedbeef-1-1-1', 'silent', 11 * 60_000)
  const taken = await store.open(NAME)
  expect(await contentOf(taken)).toBe('silent')
  await taken.discard()
})

test('who lost a part to another process is told by its absence', async () => {
  const part = await store.open(NAME)
  const [entry = ''] = await readdir(join(folder, 'parts'))
  await rename(join(folder, 'parts', entry), join(folder, 'parts', `${NAME}.other.1`))
  expect(await part.isThere()).toBe(false)
  await part.release()
})

test('what nobody came back for is swept, what is young or in use stays', async () => {
  const owner = await endedOwner()
  await leave(owner, 'old', 8 * DAY_MS)
  await leave(owner, 'young', 6 * DAY_MS)
  await leave(await ownerName(), 'inuse', 8 * DAY_MS)
  await store.sweep()
  expect((await readdir(join(folder, 'parts'))).map((entry) => entry.split('.')[2]).sort()).toEqual(['inuse', 'young'])
})

test('E29 what killed processes left of small files goes at once, that of a living one stays', async () => {
  const mine = await store.tempPath()
  await mkdir(join(folder, 'parts'))
  const left = mine.replace(await ownerName(), await endedOwner())
  for (const path of [mine, left]) await writeFile(path, 'half')
  await store.sweep()
  expect((await readdir(join(folder, 'parts'))).map((entry) => join(folder, 'parts', entry))).toEqual([mine])
})

test('E24 a link planted as a part of ours is neither followed nor written through', async () => {
  const victim = join(folder, 'victim')
  await writeFile(victim, 'untouched')
  for (const plant of [symlink, link]) {
    const path = await leave('nobody', 'bait')
    await rm(join(path, 'data'))
    await plant(victim, join(path, 'data'))
    await expect(store.open(NAME)).rejects.toMatchObject({ kind: 'usage', code: 'PART_PLANTED' })
    await rm(join(folder, 'parts'), { recursive: true })
  }
  expect(await readFile(victim, 'utf8')).toBe('untouched')
})
