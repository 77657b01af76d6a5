/** A real program is followed: killed where it was said, its calls written down whole, and a forgotten fsync found. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { CUTS } from './disk-model.ts'
import { isSupported } from './kernel.ts'
import { fingerprint, modelOf } from './lay-out.ts'
import { TracerProcess } from './tracer-process.ts'

const PROGRAM = fileURLToPath(new URL('tiny-program.ts', import.meta.url))
const scratch = await mkdtemp(join(tmpdir(), 'xorbit-tracer-'))
const tracer = isSupported ? new TracerProcess() : null
afterAll(async () => {
  tracer?.end()
  await rm(scratch, { recursive: true })
})

let runs = 0
async function follow(kind: string, killAt: number, copies = false) {
  const place = join(scratch, String(runs++))
  const folder = join(place, 'folder')
  await mkdir(join(place, 'copies'), { recursive: true })
  await mkdir(folder)
  execFileSync('mkfifo', [join(place, 'gate')])
  const model = await modelOf(folder)
  const result = await (tracer as TracerProcess).trace({
    command: [process.execPath, PROGRAM, kind, folder],
    env: { PATH: process.env.PATH ?? '', UV_THREADPOOL_SIZE: '1' },
    ...{ folder, journal: join(place, 'journal'), errors: join(place, 'errors'), gate: join(place, 'gate') },
    ...{ killAt, record: killAt === 0, copies: copies ? join(place, 'copies') : null },
  })
  return {
    place,
    folder,
    model,
    ...result,
    said: readFileSync(join(place, 'journal'), 'utf8').split('\n').slice(0, -1),
  }
}

test.runIf(isSupported)(
  'every call is written down with its data: what they make is what lies on the disk',
  async () => {
    const { calls, callCount, exit, model, folder, said } = await follow('right', 0)
    expect([exit, said]).toEqual([0, ['one', 'two', 'three']])
    const names = calls.map(({ name }) => name)
    expect(names.slice(0, 6)).toEqual(['openat', 'write', 'fsync', 'rename', 'fsync', 'said'])
    // Those of git, which is another process, too.
    expect(callCount).toBeGreaterThan(3 * 5 + 10)
    expect(calls.filter(({ name }) => name !== 'said').length).toBe(callCount)
    for (const { events } of calls) for (const event of events) model.take(event)
    expect(fingerprint(model.cut('all'))).toBe(fingerprint((await modelOf(folder)).cut('all')))
  },
)

test.runIf(isSupported)('is killed before the call that was named takes effect, in whichever process', async () => {
  const { callCount, killedAt: none } = await follow('right', 1000)
  expect(none).toBe('')
  const fourth = await follow('right', 4)
  expect(fourth).toMatchObject({ wasKilled: true, exit: 137, killedAt: 'rename /one', said: [] })
  expect(existsSync(join(fourth.folder, 'one.tmp'))).toBe(true)
  expect(existsSync(join(fourth.folder, 'one'))).toBe(false)
  const sixth = await follow('right', 6)
  expect(sixth).toMatchObject({ killedAt: 'openat /two.tmp', said: ['one'] })
  const last = await follow('right', callCount)
  expect(last.killedAt).toContain('/repo.git')
  expect(last.said).toEqual(['one', 'two', 'three'])
})

test.runIf(isSupported)('a copy of the folder before each call is what a kill there leaves', async () => {
  const { place, callCount } = await follow('right', 0, true)
  for (const k of [1, 4, 5, 9, callCount - 2]) {
    const killed = await follow('right', k)
    const copy = await modelOf(join(place, 'copies', String(k)))
    expect(fingerprint(copy.cut('all'))).toBe(fingerprint((await modelOf(killed.folder)).cut('all')))
    expect(
      readFileSync(join(place, 'copies', `${k}.said`), 'utf8')
        .split('\n')
        .slice(0, -1),
    ).toEqual(killed.said)
  }
})

/** How often a file that was said is not there whole, over all points and cuts. */
async function countLosses(kind: string): Promise<number> {
  const { calls, model } = await follow(kind, 0)
  const said: string[] = []
  let losses = 0
  for (const { events } of calls) {
    for (const event of events) {
      if (event.op === 'said') said.push(event.line)
      model.take(event)
    }
    for (const cut of CUTS) {
      const found = model.cut(cut, calls.length)
      losses += said.filter((name) => String(found.get(name)) !== name.repeat(1000)).length
    }
  }
  return losses
}

test.runIf(isSupported)('a forgotten fsync, of a file or of its folder, is found', async () => {
  expect(await countLosses('right')).toBe(0)
  expect(await countLosses('no fsync of the file')).toBeGreaterThan(0)
  expect(await countLosses('no fsync of the folder')).toBeGreaterThan(0)
})
