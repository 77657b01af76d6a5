/** The order of a put's last steps, with the disk's answer held back. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { keyOf, segmentsOf } from '../../test/suites/blob-store.suite.ts'
import { FsBlobStore } from './fs-blob-store.ts'

const gate = vi.hoisted(() => ({ opened: Promise.withResolvers<void>(), reached: Promise.withResolvers<void>() }))
vi.mock('../base/atomic-file.ts', async (original) => {
  const real = await original<typeof import('../base/atomic-file.ts')>()
  const { rename } = await import('node:fs/promises')
  const { dirname } = await import('node:path')
  const nameFile = async (temp: string, path: string) => {
    await rename(temp, path)
    gate.reached.resolve()
    await gate.opened.promise
    await real.syncFolder(dirname(path))
  }
  return { ...real, nameFile }
})

test('a put of a name that another put has just given waits until that name is durable', async () => {
  const root = await mkdtemp(join(tmpdir(), 'xorbit-put-order-'))
  const store = await FsBlobStore.create(root)
  const key = keyOf('one')
  const order: string[] = []
  const first = store.put(key, segmentsOf('one', 'two')).then(() => order.push('first'))
  await gate.reached.promise
  const second = store.put(key, segmentsOf('one', 'two')).then(() => order.push('second'))
  // Long enough for the second one to read what is there.
  for (let i = 0; i < 20; i++) await store.has(keyOf('two'))
  expect(order).toEqual([])
  gate.opened.resolve()
  await Promise.all([first, second])
  expect(order).toEqual(['first', 'second'])
  await rm(root, { recursive: true })
})
