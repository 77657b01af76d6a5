import { blobStoreSuite } from '../../test/suites/blob-store.suite.ts'
import { MemoryBlobStore } from './memory-blob-store.ts'

blobStoreSuite('MemoryBlobStore', async (onDamage) => {
  const store = new MemoryBlobStore(onDamage === undefined ? {} : { onDamage })
  return { store, flip: async (key, offset) => store.flipByte(key, offset) }
})
