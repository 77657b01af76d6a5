/**
 * The child of crash.test.ts: stores blobs and catalog batches as fast as it can and prints each name once the store
 * has acknowledged it, until it is killed. Names and bytes follow from a number, so that the parent can check them. The
 * catalog commits in a thread when it is told so.
 */
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { startCatalogThread } from '../../src/app/start-catalog-thread.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { FsBlobStore } from '../../src/store/fs-blob-store.ts'
import { SqliteCatalog } from '../../src/store/sqlite-catalog.ts'

export const blobKey = (number: number) => ({
  kind: 'xorb' as const,
  name: createHash('sha256').update(`blob ${number}`).digest('hex'),
})

export function segmentsFor(number: number): Uint8Array[] {
  return Array.from({ length: 1 + (number % 40) }, (_, i) =>
    Buffer.alloc(1 + ((number * 7919 + i * 31) % 60_000), number + i),
  )
}

export async function* yieldAll(segments: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* segments
}

async function write(root: string, from: number, how: string): Promise<never> {
  const blobs = await FsBlobStore.create(join(root, 'blobs'))
  const committer = how === 'thread' ? startCatalogThread(systemClock, silentLog) : undefined
  const catalog = new SqliteCatalog(join(root, 'catalog.db'), committer)
  for (let number = from; ; number++) {
    const key = blobKey(number)
    // Every third blob replaces a damaged copy of the one before it: the most delicate order of steps.
    if (number % 3 === 2) {
      await blobs.quarantine(blobKey(number - 1), [0])
      await blobs.put(blobKey(number - 1), yieldAll(segmentsFor(number - 1)))
    }
    await blobs.put(key, yieldAll(segmentsFor(number)))
    await catalog.write({
      records: [{ kind: 'xorb', key: key.name, value: Buffer.from(String(number)) }],
      references: [{ from: `file:${number}`, to: `xorb:${key.name}` }],
      leases: [{ holder: 'ann', target: `xorb:${key.name}`, untilSeconds: number + 1 }],
      index: [{ kind: 'chunk', key: String(number), value: key.name }],
    })
    writeSync(1, `${number}\n`)
  }
}

if (import.meta.main) await write(process.argv[2] as string, Number(process.argv[3]), process.argv[4] as string)
