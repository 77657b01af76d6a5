import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { openHome } from './home.ts'
import { HomeWatch } from './home-watch.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-watch-'))
afterAll(() => rm(scratch, { recursive: true }))

test('a home that went away, or whose place another took, is said to be gone; back again it is served', async () => {
  const path = join(scratch, 'home')
  const home = await openHome(path, systemClock)
  const watch = new HomeWatch(path)
  watch.check()
  await rename(path, `${path}.away`)
  const gone = expect.objectContaining({ kind: 'busy', code: 'HOME_GONE' })
  expect(() => watch.check()).toThrow(gone)
  await mkdir(path)
  await writeFile(join(path, 'layout-version'), '1\n')
  expect(() => watch.check()).toThrow(gone)
  await rm(path, { recursive: true })
  await rename(`${path}.away`, path)
  watch.check()
  home.lock.release()
})
