/** The thread that writes the catalog of a server. */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { CatalogThread } from '../store/catalog-thread.ts'

/** A checkout runs sources, the package compiled code. */
const ENTRY = new URL(`catalog-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

export function startCatalogThread(clock: Clock, log: Log): CatalogThread {
  return new CatalogThread({ start: () => new Worker(ENTRY), clock, log })
}
