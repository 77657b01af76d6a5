import { expect, test } from 'vitest'
import { pack } from '../../test/cas/small-client.ts'
import { segmentsOf } from '../../test/suites/blob-store.suite.ts'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { ManualClock } from '../base/clock.ts'
import { MemoryBlobStore } from '../store/memory-blob-store.ts'
import { MemoryCatalog } from '../store/memory-catalog.ts'
import type { BuiltXorb } from '../xet/xorb-writer.ts'
import { acceptXorb } from './accept-xorb.ts'
import { MemoryAccess } from './access.ts'
import { Holdings } from './holdings.ts'

/** Says that it has a blob without looking at what is sent. */
class IncuriousStore extends MemoryBlobStore {
  override async put() {
    return { inserted: false, info: { length: 0, ends: new Uint32Array(), copy: '', damaged: [] } }
  }
}

test('a store that does not read a xorb to its end proves nothing, and no lease is given', async () => {
  const catalog = new MemoryCatalog()
  const holdings = new Holdings({
    blobs: new IncuriousStore(),
    catalog,
    access: new MemoryAccess(),
    clock: new ManualClock(),
    limits: {},
  })
  const { hash, body } = (await pack([splitmix64(1, 1000)])).xorbs[0] as BuiltXorb
  const accepted = acceptXorb(holdings, 'ann', hash, segmentsOf(body))
  await expect(accepted).rejects.toMatchObject({ kind: 'bug', code: 'XORB_UNREAD' })
  expect(await catalog.findRecord('xorb', hash)).toBeNull()
})
