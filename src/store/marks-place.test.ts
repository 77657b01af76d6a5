/** Where marks are written before they get their name: in a folder that is emptied at the start. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { keyOf, segmentsOf } from '../../test/suites/blob-store.suite.ts'
import { FsBlobStore } from './fs-blob-store.ts'

const named = vi.hoisted(() => ({ temps: new Map<string, string>() }))
vi.mock('../base/atomic-file.ts', async (original) => {
  const real = await original<typeof import('../base/atomic-file.ts')>()
  const nameFile = (temp: string, path: string) => {
    named.temps.set(path, temp)
    return real.nameFile(temp, path)
  }
  return { ...real, nameFile }
})

test('a writer of marks that is killed leaves nothing beside the blobs', async () => {
  const root = await mkdtemp(join(tmpdir(), 'xorbit-marks-'))
  const store = await FsBlobStore.create(root)
  await store.put(keyOf('one'), segmentsOf('one', 'two'))
  await store.quarantine(keyOf('one'), [1])
  const marks = [...named.temps].filter(([path]) => path.endsWith('.bad'))
  expect(marks.map(([, temp]) => dirname(temp))).toEqual([join(root, 'tmp')])
  expect((await (await FsBlobStore.create(root)).find(keyOf('one')))?.damaged).toEqual([1])
  await rm(root, { recursive: true })
})
