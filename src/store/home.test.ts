import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { openHome } from './home.ts'

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
