/**
 * The 200 bytes at the end of a stored or served shard, and the lookup tables it points to.
 *
 * | at | field | at | field |
 * | --- | --- | --- | --- |
 * | 0 | version 1 | 72 | key of the chunk hashes, zero for none |
 * | 8, 16 | file and xorb section | 104, 112 | created and expiry in seconds |
 * | 24, 40, 56 | file, xorb, chunk lookup | 168, 176, 184 | sums: stored, term, plain bytes |
 * | 32, 48, 64 | their counts | 192 | offset of this footer |
 *
 * All u64 little-endian. Nothing in it is believed: offsets are compared with where the sections are, and tables with
 * the entries they point to.
 */
import { AppError } from '../base/app-error.ts'
import {
  HASH_BYTES,
  SHARD_ENTRY_BYTES,
  SHARD_FOOTER_BYTES,
  SHARD_FOOTER_VERSION,
  SHARD_HEADER_BYTES,
} from './constants.ts'

/** Where the sections of a shard are, as its entries say. */
export interface ShardSections {
  readonly xorbsAt: number
  /** After the second bookend. */
  readonly end: number
}

export interface ShardFooter {
  readonly key: Uint8Array
  readonly keyed: boolean
  readonly createdSeconds: number
  /** Infinity for never. */
  readonly expirySeconds: number
  readonly fileLookup: LookupTable
  readonly xorbLookup: LookupTable
  readonly chunkLookup: LookupTable
}

export interface LookupTable {
  readonly at: number
  readonly count: number
}

const AT = { key: 72, created: 104, expiry: 112, fileLookup: 24, xorbLookup: 40, chunkLookup: 56, footer: 192 }
const NEVER = 2n ** 64n - 1n
const SECTION_ENTRY_BYTES = 12
const CHUNK_ENTRY_BYTES = 16

/** The footer at the end of `bytes`; throws `malformed` when its version or an offset is wrong. */
export function parseShardFooter(bytes: Uint8Array, { xorbsAt, end }: ShardSections): ShardFooter {
  const at = bytes.length - SHARD_FOOTER_BYTES
  if (at < end) throw malformed('SHARD_FOOTER_MISSING', 'it promises a footer and has none')
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SHARD_FOOTER_BYTES)
  const word = (offset: number) => view.getBigUint64(offset, true)
  if (word(0) !== BigInt(SHARD_FOOTER_VERSION))
    throw malformed('SHARD_VERSION_UNKNOWN', 'its footer version is unknown')
  if (word(8) !== BigInt(SHARD_HEADER_BYTES) || word(16) !== BigInt(xorbsAt) || word(AT.footer) !== BigInt(at)) {
    throw malformed('SHARD_OFFSET_BAD', 'its footer points elsewhere than its sections are')
  }
  const table = (offset: number, entryBytes: number): LookupTable => {
    const [start, count] = [word(offset), word(offset + 8)]
    const isOutside = start < BigInt(end) || start + count * BigInt(entryBytes) > BigInt(at)
    // The JavaScript client leaves all of them zero.
    if (isOutside && !(start === 0n && count === 0n)) throw malformed('SHARD_OFFSET_BAD', 'a lookup table lies outside')
    return { at: Number(start), count: Number(count) }
  }
  // Copied: `slice` of a Buffer would share its bytes.
  const key = new Uint8Array(bytes.subarray(at + AT.key, at + AT.key + HASH_BYTES))
  const expiry = word(AT.expiry)
  return {
    key,
    keyed: key.some((byte) => byte !== 0),
    createdSeconds: Number(word(AT.created)),
    expirySeconds: expiry === NEVER ? Number.POSITIVE_INFINITY : Number(expiry),
    fileLookup: table(AT.fileLookup, SECTION_ENTRY_BYTES),
    xorbLookup: table(AT.xorbLookup, SECTION_ENTRY_BYTES),
    chunkLookup: table(AT.chunkLookup, CHUNK_ENTRY_BYTES),
  }
}

/** Throws `malformed` unless every table is sorted and every row leads to an entry that begins like its key. */
export function checkLookupTables(bytes: Uint8Array, footer: ShardFooter, { xorbsAt, end }: ShardSections): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const check = ({ at, count }: LookupTable, entryBytes: number, section: { from: number; to: number }) => {
    let before = 0n
    for (let i = 0; i < count; i++) {
      const row = at + i * entryBytes
      const prefix = view.getBigUint64(row, true)
      const index =
        view.getUint32(row + 8, true) + (entryBytes === CHUNK_ENTRY_BYTES ? 1 + view.getUint32(row + 12, true) : 0)
      const entry = section.from + index * SHARD_ENTRY_BYTES
      if (prefix < before || entry >= section.to || view.getBigUint64(entry, true) !== prefix) {
        throw malformed('SHARD_LOOKUP_BAD', `row ${i} of a lookup table is out of order or leads nowhere`)
      }
      before = prefix
    }
  }
  check(footer.fileLookup, SECTION_ENTRY_BYTES, { from: SHARD_HEADER_BYTES, to: xorbsAt })
  check(footer.xorbLookup, SECTION_ENTRY_BYTES, { from: xorbsAt, to: end })
  check(footer.chunkLookup, CHUNK_ENTRY_BYTES, { from: xorbsAt, to: end })
}

export interface FooterFields {
  readonly xorbsAt: number
  readonly tables: readonly [files: LookupTable, xorbs: LookupTable, chunks: LookupTable]
  readonly key?: Uint8Array
  readonly createdSeconds: number
  /** Absent: 0, as the JavaScript client writes; Infinity: never. */
  readonly expirySeconds?: number
  readonly sums: { readonly stored: number; readonly terms: number; readonly plain: number }
}

export function writeShardFooter(bytes: Uint8Array, at: number, fields: FooterFields): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SHARD_FOOTER_BYTES)
  const put = (offset: number, value: number) => {
    view.setBigUint64(offset, value === Number.POSITIVE_INFINITY ? NEVER : BigInt(value), true)
  }
  put(0, SHARD_FOOTER_VERSION)
  put(8, SHARD_HEADER_BYTES)
  put(16, fields.xorbsAt)
  fields.tables.forEach((table, i) => {
    put(AT.fileLookup + 16 * i, table.at)
    put(AT.fileLookup + 16 * i + 8, table.count)
  })
  if (fields.key) bytes.set(fields.key, at + AT.key)
  put(AT.created, fields.createdSeconds)
  put(AT.expiry, fields.expirySeconds ?? 0)
  put(168, fields.sums.stored)
  put(176, fields.sums.terms)
  put(184, fields.sums.plain)
  put(AT.footer, at)
}

function malformed(code: string, why: string): AppError {
  return new AppError('malformed', code, `Shard refused: ${why}`)
}
