/**
 * Writes what a verified shard says into the catalog, in batches of some hundred files: each batch is whole in itself
 * and may be repeated, and none blocks the process for long.
 */
import { parseHex } from '../base/hex.ts'
import type { CatalogRecord, IndexEntry, Lease, Reference } from '../store/catalog.ts'
import { isGlobalDedupEligible } from '../xet/hash.ts'
import type { ShardView } from '../xet/shard-reader.ts'
import { FileEntry } from './file-entry.ts'
import type { Holdings, Xorb } from './holdings.ts'
import type { Pacer } from './pacer.ts'
import { fileName, shardName, xorbName } from './rights.ts'
import { takesPlace } from './terms-choice.ts'
import { claimOf, type VerifiedFile } from './verify-file.ts'

export interface VerifiedShard {
  /** Of its blob. */
  readonly name: string
  readonly shard: ShardView
  readonly files: readonly VerifiedFile[]
  /** Those whose SHA-256 was computed just now. */
  readonly verified: readonly VerifiedFile[]
  /** Leases on what is registered, written with it. */
  leasesOf(targets: readonly string[]): readonly Lease[]
}

const ROWS_PER_BATCH = 500

interface Rows {
  readonly records: CatalogRecord[]
  readonly references: Reference[]
  readonly index: IndexEntry[]
  readonly targets: string[]
}

export async function registerShard(
  holdings: Holdings,
  { name, shard, files, verified, leasesOf }: VerifiedShard,
  pacer: Pacer,
): Promise<void> {
  const fresh = new Set(verified)
  let rows = noRows()
  rows.targets.push(shardName(name))
  const flush = async (rowsMax: number) => {
    const { records, references, index, targets } = rows
    if (records.length + references.length + index.length + targets.length <= rowsMax) return
    rows = noRows()
    await holdings.catalog.write({ records, references, index, leases: leasesOf(targets) })
    await pacer.pause()
  }
  for (const row of shard.xorbs()) {
    rows.targets.push(xorbName(row.hash))
    const xorb = await holdings.findXorb(row.hash)
    if (xorb !== null) {
      for (let i = 0; i < row.chunkCount; i++) {
        const isOffered = row.isEligible(i) || isGlobalDedupEligible(xorb.chunks.hash(i))
        if (isOffered) rows.index.push(chunkEntry(xorb, i))
        if (pacer.isDue) await pacer.pause()
      }
    }
    await flush(ROWS_PER_BATCH)
  }
  for (const file of files) {
    await addFile(holdings, rows, file, fresh.has(file))
    rows.references.push({ from: fileName(file.hash), to: shardName(name) })
    await flush(ROWS_PER_BATCH)
  }
  await flush(0)
}

async function addFile(holdings: Holdings, rows: Rows, { file, hash, entry, encoded }: VerifiedFile, isFresh: boolean) {
  const name = fileName(hash)
  const sha256 = claimOf(file)
  const known = await holdings.catalog.findRecord('file', hash)
  if (
    known === null ||
    (await takesPlace(holdings, { entry: new FileEntry(known), encoded: known }, { entry, encoded }))
  )
    rows.records.push({ kind: 'file', key: hash, value: encoded })
  if (isFresh && sha256 !== null) {
    rows.records.push({ kind: 'sha256', key: hash, value: parseHex(sha256) as Uint8Array })
    rows.index.push({ kind: 'sha256', key: sha256, value: hash })
  }
  for (const xorb of entry.xorbs) {
    rows.references.push({ from: name, to: xorbName(xorb) })
    rows.targets.push(xorbName(xorb))
  }
  rows.targets.push(name)
  if (entry.termCount === 0) return
  // The first chunk of a file is the one that clients always ask for.
  const first = entry.term(0)
  const xorb = await holdings.findXorb(first.xorb)
  if (xorb !== null) rows.index.push(chunkEntry(xorb, first.start))
}

export function chunkEntry({ hash, chunks }: Xorb, chunk: number): IndexEntry {
  return { kind: 'chunk', key: chunks.hash(chunk), value: hash }
}

function noRows(): Rows {
  return { records: [], references: [], index: [], targets: [] }
}
