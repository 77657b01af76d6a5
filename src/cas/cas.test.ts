import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type CreateHoldings, casSuite } from '../../test/suites/cas.suite.ts'
import { casFilesSuite } from '../../test/suites/cas-files.suite.ts'
import { ManualClock } from '../base/clock.ts'
import { FsBlobStore } from '../store/fs-blob-store.ts'
import { MemoryBlobStore } from '../store/memory-blob-store.ts'
import { MemoryCatalog } from '../store/memory-catalog.ts'
import { SqliteCatalog } from '../store/sqlite-catalog.ts'
import { MemoryAccess } from './access.ts'
import { Holdings } from './holdings.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-cas-'))
let count = 0
afterAll(() => rm(scratch, { recursive: true }))

const inMemory: CreateHoldings = async (limits = {}) => {
  const [blobs, catalog] = [new MemoryBlobStore(), new MemoryCatalog()]
  return new Holdings({ blobs, catalog, access: new MemoryAccess(), clock: new ManualClock(), limits })
}

const onDisk: CreateHoldings = async (limits = {}) => {
  const root = join(scratch, String(count++))
  const blobs = await FsBlobStore.create(join(root, 'blobs'))
  const catalog = new SqliteCatalog(join(root, 'catalog.db'))
  return new Holdings({ blobs, catalog, access: new MemoryAccess(), clock: new ManualClock(), limits })
}

casSuite('CAS in memory', inMemory)
casSuite('CAS on disk', onDisk)
casFilesSuite('files in memory', inMemory)
casFilesSuite('files on disk', onDisk)
