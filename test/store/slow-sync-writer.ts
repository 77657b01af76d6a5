/**
 * The child of slow-sync.test.ts: writes a few records one after the other, and says how long each took at least and for
 * how long the event loop was held at most. The time that the thread stood in the queue for a processor does not count.
 */
import { readFileSync, writeSync } from 'node:fs'
import { startCatalogThread } from '../../src/app/start-catalog-thread.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { SqliteCatalog } from '../../src/store/sqlite-catalog.ts'

const LOOK_MS = 5
const WRITES = 4

const [path, how] = process.argv.slice(2) as [string, string]
const catalog = new SqliteCatalog(path, how === 'thread' ? startCatalogThread(systemClock, silentLog) : undefined)
const write = async (key: string) => {
  const begun = systemClock.monotonicMs()
  await catalog.write({ records: [{ kind: 'file', key, value: new Uint8Array(100) }] })
  return systemClock.monotonicMs() - begun
}
// The first one pays for the start of the thread.
await write('first')
const looked = () => ({
  at: systemClock.monotonicMs(),
  queued: Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]) / 1e6,
})
let heldMs = 0
let before = looked()
const timer = setInterval(() => {
  const now = looked()
  heldMs = Math.max(heldMs, now.at - before.at - LOOK_MS - (now.queued - before.queued))
  before = now
}, LOOK_MS)
let writeMs = Number.POSITIVE_INFINITY
for (let i = 0; i < WRITES; i++) writeMs = Math.min(writeMs, await write(`${i}`))
// A look that was due while the last commit held the loop is made before the end.
await systemClock.sleep(LOOK_MS)
clearInterval(timer)
await catalog.close()
writeSync(1, JSON.stringify({ writeMs, heldMs }))
