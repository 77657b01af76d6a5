import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { openHome } from './home.ts'
import { keepReserve } from './space.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-home-'))
afterAll(() => rm(scratch, { recursive: true }))

test('a new home is private, has a layout version and one owner', async () => {
  const path = join(scratch, 'new')
  const { lock } = await openHome(path, systemClock)
  expect((await stat(path)).mode & 0o777).toBe(0o700)
  expect(await readFile(join(path, 'layout-version'), 'utf8')).toBe('1\n')
  await expect(openHome(path, systemClock)).rejects.toMatchObject({ code: 'FOLDER_IN_USE' })
  lock.release()
})

test.each(['2', '0', '1.5', 'x', ''])('refuses layout "%s" and leaves it as it is, unlocked', async (version) => {
  const path = join(scratch, `layout-${version}`)
  ;(await openHome(path, systemClock)).lock.release()
  const file = join(path, 'layout-version')
  await writeFile(file, version)
  for (let i = 0; i < 2; i++) {
    await expect(openHome(path, systemClock)).rejects.toMatchObject({ kind: 'usage', code: 'LAYOUT_UNKNOWN' })
  }
  expect(await readFile(file, 'utf8')).toBe(version)
})

test('what killed writers left goes when the home is opened; what others named stays', async () => {
  const path = join(scratch, 'killed')
  ;(await openHome(path, systemClock)).lock.release()
  const left = [
    'run/url.0f3c6d58-8a4e-4f0e-9d0b-6b7a4f1c2d3e.tmp',
    'layout-version.0f3c6d58-8a4e-4f0e-9d0b-6b7a4f1c2d3e.tmp',
  ]
  for (const name of [...left, 'run/notes.tmp']) await writeFile(join(path, name), 'half')
  ;(await openHome(path, systemClock)).lock.release()
  const names = await readdir(path, { recursive: true })
  expect(names.filter((name) => name.endsWith('.tmp'))).toEqual(['run/notes.tmp'])
})

test('half a reserve takes no room: it goes also where there is no room for a whole one', async () => {
  const path = join(scratch, 'half-reserve')
  ;(await openHome(path, systemClock)).lock.release()
  await keepReserve(path)
  await writeFile(join(path, 'reserve.tmp'), 'half')
  expect(await keepReserve(path)).toBe(true)
  expect((await readdir(path)).filter((name) => name.startsWith('reserve'))).toEqual(['reserve'])
})
