import { catalogSuite } from '../../test/suites/catalog.suite.ts'
import { MemoryCatalog } from './memory-catalog.ts'

catalogSuite('MemoryCatalog', async () => new MemoryCatalog())
