import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mustEnd, Stand, sha256Of } from '../interop/stand.ts'
import { killPull } from '../resume/killed-pull.ts'

const MIB = 1 << 20
const file = { path: 'model.bin', bytes: 24 * MIB, sha256: '' }
/** What the buffers of a few connections hold counts as fetched. */
const ON_THE_WAY = 6 * MIB
const REPO = 'alice/resumed'
const PLAIN = { HF_HUB_DISABLE_XET: '1' }

let stand: Stand
beforeAll(async () => {
  stand = await Stand.open()
  const folder = join(await stand.scratch(), 'in')
  await stand.randomFile(join(folder, file.path), file.bytes, 'resumed')
  file.sha256 = await sha256Of(join(folder, file.path))
  mustEnd(await stand.xorbit(['push', REPO, folder]), 'push')
})
afterAll(() => stand.close())

const killAt = (share: number, more: Partial<Parameters<typeof killPull>[1]> = {}) =>
  killPull(stand, { repo: REPO, file, share, bytesPerSecond: 5e6, ...more })

test.each([
  ['Xet', undefined],
  ['plain HTTP', PLAIN],
])('a pull by %s that was killed fetches what it lacks, no more', async (_how, env) => {
  const { moved, killedAt } = await killAt(0.8, env === undefined ? {} : { env })
  expect(killedAt).toBeGreaterThan(0.8 * file.bytes)
  expect(moved).toBeLessThan(file.bytes + ON_THE_WAY)
})

test('bytes that changed on the disk meanwhile are fetched again', async () => {
  const { moved } = await killAt(0.8, {
    async meanwhile(part) {
      const data = await open(join(part, 'data'), 'r+')
      const { size } = await data.stat()
      for (let at = 1000; at < size; at += MIB) await data.write(Buffer.from('changed'), 0, 7, at)
      await data.close()
    },
  })
  expect(moved).toBeGreaterThan(1.5 * file.bytes)
})
