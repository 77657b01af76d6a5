/**
 * Takes away what was marked as garbage. Marks are catalog records, so a killed sweep goes on where it was.
 *
 * marked --(still free, in one transaction)--> its rows go, its blob to `trash/` --(7 days, still free)--> deleted
 *
 * Free means: no reference to it, no lease, no pin, looked at in the transaction that removes its rows, while nothing
 * else changes the blob. Whoever finds a blob in the trash brings it back, so a promise made in between holds.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { BlobKey, BlobStore } from './blob-store.ts'
import type { Catalog, IndexEntry, RecordName } from './catalog.ts'
import { type Pins, TRASH_SECONDS } from './leases.ts'

/** Record kinds: what is to go, with the end of the leases that do not count; what is in the trash, since when. */
const MARK = 'mark'
const TRASH = 'trash'
const MARKS_PER_BATCH = 200

export interface Mark {
  /** As in references and leases, such as `xorb:HASH`. */
  readonly name: string
  readonly leasesAfter: number
}

/** What stands behind a name. */
export interface Doomed {
  /** Goes to the trash; null for what is only rows. */
  readonly blob: BlobKey | null
  /** With a blob these go when it leaves the trash, so that it is whole when it comes back. */
  readonly records: readonly RecordName[]
  /** Goes at once: nobody is to find it any more. */
  readonly index: readonly IndexEntry[]
}

export interface SweepParts {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly pins: Pins
  readonly clock: Clock
  describe(name: string): Promise<Doomed>
  nameOf(key: BlobKey): string
  readonly signal?: AbortSignal | undefined
}

export interface Swept {
  /** Names by what stands before their colon. */
  readonly counts: Readonly<Record<string, number>>
  readonly bytes: number
  /** Marked, and in use by now. */
  readonly kept: number
}

export async function writeMarks(catalog: Catalog, marks: readonly Mark[]): Promise<void> {
  for (let at = 0; at < marks.length; at += MARKS_PER_BATCH) {
    const records = marks
      .slice(at, at + MARKS_PER_BATCH)
      .map(({ name, leasesAfter }) => ({ kind: MARK, key: name, value: encodeSeconds(leasesAfter) }))
    await catalog.write({ records })
  }
}

/** Second phase. References come first by name (`file:` before `xorb:`), so what they held is free when it is its turn. */
export async function sweepMarks(parts: SweepParts): Promise<Swept> {
  const { catalog, blobs, clock, signal } = parts
  const counts: Record<string, number> = {}
  let bytes = 0
  let kept = 0
  for await (const { key: name, value } of catalog.listRecords(MARK)) {
    signal?.throwIfAborted()
    const mark = { kind: MARK, key: name }
    const { blob, records, index } = await parts.describe(name)
    const leasesAfter = decodeSeconds(value)
    const remove = (more: { records: readonly RecordName[]; isTrashed: boolean }) => {
      const put = more.isTrashed ? [{ kind: TRASH, key: name, value: encodeSeconds(clock.nowSeconds()) }] : []
      return removeUnlessPinned(parts, { name, leasesAfter, index, records: [mark, ...more.records], put })
    }
    const gone =
      blob === null
        ? (await remove({ records, isTrashed: false })) && 0
        : await blobs.trash(blob, () => remove({ records: [], isTrashed: true }))
    if (gone === null || gone === false) {
      kept++
      await catalog.remove({ records: [mark] })
      continue
    }
    const kind = name.slice(0, name.indexOf(':'))
    counts[kind] = (counts[kind] ?? 0) + 1
    bytes += gone
  }
  return { counts, bytes, kept }
}

/** Third phase: deletes what was in the trash long enough and is still free; brings back what is in use. */
export async function emptyTrash(
  parts: SweepParts,
  { skipWaits }: { skipWaits: boolean },
): Promise<{ deleted: number; bytes: number; restored: number }> {
  const { catalog, blobs, clock, signal } = parts
  const result = { deleted: 0, bytes: 0, restored: 0 }
  const now = clock.nowSeconds()
  for await (const key of blobs.listTrash()) {
    signal?.throwIfAborted()
    const name = parts.nameOf(key)
    const since = await trashedAt(catalog, name, now)
    // A clock that was set back makes the wait longer, never shorter.
    if (!skipWaits && now - since < TRASH_SECONDS) continue
    const { records } = await parts.describe(name)
    const removal = { name, leasesAfter: now, records: [...records, { kind: TRASH, key: name }] }
    const bytes = await blobs.purge(key, () => removeUnlessPinned(parts, removal))
    if (bytes !== null) {
      result.deleted++
      result.bytes += bytes
    } else if (await blobs.restore(key)) {
      result.restored++
    }
  }
  await forgetTrash(parts)
  return result
}

async function removeUnlessPinned(
  { catalog, pins }: SweepParts,
  removal: Parameters<Catalog['removeFree']>[0][number],
): Promise<boolean> {
  // Whoever pins the name from now on and then looks at the catalog is answered after the removal.
  return !pins.has(removal.name) && (await catalog.removeFree([removal])).length > 0
}

/** A blob that lost its record in a crash counts from now. */
async function trashedAt(catalog: Catalog, name: string, now: number): Promise<number> {
  const value = await catalog.findRecord(TRASH, name)
  if (value !== null) return decodeSeconds(value)
  await catalog.write({ records: [{ kind: TRASH, key: name, value: encodeSeconds(now) }] })
  return now
}

/** Records of what has come back. */
async function forgetTrash({ catalog, blobs, nameOf }: SweepParts): Promise<void> {
  const there = new Set<string>()
  for await (const key of blobs.listTrash()) there.add(nameOf(key))
  const gone: RecordName[] = []
  for await (const key of catalog.listKeys(TRASH)) if (!there.has(key)) gone.push({ kind: TRASH, key })
  if (gone.length > 0) await catalog.remove({ records: gone })
}

function encodeSeconds(seconds: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, seconds, true)
  return bytes
}

function decodeSeconds(bytes: Uint8Array): number {
  if (bytes.length !== 8)
    throw new AppError('damaged', 'CATALOG_RECORD_BAD', 'A record of the sweep is no time: run xorbit rebuild')
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(0, true)
}
