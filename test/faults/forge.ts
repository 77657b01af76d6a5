/** Xorbs and shards as an attacker would write them: every field can lie. Hashes are right unless a test says so. */
import { CHUNK_HEADER_BYTES, HASH_BYTES, SHARD_ENTRY_BYTES } from '../../src/xet/constants.ts'
import { chunkHash, type Hash, hashBytes, verificationHash, type XorbHash } from '../../src/xet/hash.ts'
import { type ChunkNode, fileHash, xorbHash } from '../../src/xet/merkle.ts'
import { SHARD_TAG } from '../../src/xet/shard-reader.ts'

export interface ForgedRecord {
  readonly payload: Uint8Array
  readonly plainLength: number
  readonly version?: number
  readonly scheme?: number
  readonly storedLength?: number
}

export function forgeRecord({ payload, plainLength, version = 0, scheme = 0, storedLength }: ForgedRecord): Uint8Array {
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, ((storedLength ?? payload.length) << 8) | version, true)
  view.setUint32(4, (plainLength << 8) | scheme, true)
  bytes.set(payload, CHUNK_HEADER_BYTES)
  return bytes
}

export interface ForgedXorb {
  readonly hash: XorbHash
  readonly body: Uint8Array
  readonly nodes: readonly ChunkNode[]
  readonly plain: readonly Uint8Array[]
}

/** A right xorb of uncompressed chunks. */
export function forgeXorb(plain: readonly Uint8Array[]): ForgedXorb {
  const nodes = plain.map((bytes) => ({ hash: chunkHash(bytes), length: bytes.length }))
  const body = concat(plain.map((payload) => forgeRecord({ payload, plainLength: payload.length })))
  return { hash: xorbHash(nodes), body, nodes, plain }
}

export interface ForgedTerm {
  readonly xorb: Hash
  readonly plainLength: number
  readonly start: number
  readonly end: number
}

export interface ForgedFile {
  readonly hash: Hash
  readonly terms: readonly ForgedTerm[]
  readonly ranges: readonly Hash[]
  readonly sha256?: string | null
  /** What the header claims; the number of terms unless given. */
  readonly termCount?: number
}

export interface ForgedList {
  readonly hash: Hash
  readonly chunks: readonly { readonly hash: Hash; readonly length: number }[]
  readonly chunkCount?: number
  readonly plainLength?: number
}

export interface ForgedShard {
  readonly files?: readonly ForgedFile[]
  readonly xorbs?: readonly ForgedList[]
  readonly version?: number
  readonly footerBytes?: number
  readonly tail?: Uint8Array
  readonly bookends?: boolean
}

/** The file that these chunk ranges of right xorbs make. */
export function forgeFile(
  ranges: readonly { readonly xorb: ForgedXorb; readonly start: number; readonly end: number }[],
): ForgedFile {
  const nodes = ranges.flatMap(({ xorb, start, end }) => xorb.nodes.slice(start, end))
  return {
    hash: fileHash(nodes),
    terms: ranges.map(({ xorb, start, end }) => ({
      xorb: xorb.hash,
      start,
      end,
      plainLength: lengthOf(xorb.nodes.slice(start, end)),
    })),
    ranges: ranges.map(({ xorb, start, end }) =>
      verificationHash(xorb.nodes.slice(start, end).map(({ hash }) => hash)),
    ),
    sha256: null,
  }
}

export function wholeFile(xorb: ForgedXorb): ForgedFile {
  return forgeFile([{ xorb, start: 0, end: xorb.nodes.length }])
}

export function forgeShard({
  files = [],
  xorbs = [],
  version = 2,
  footerBytes = 0,
  tail,
  bookends = true,
}: ForgedShard): Uint8Array {
  const parts: Uint8Array[] = [entry(null, [])]
  const head = parts[0] as Uint8Array
  head.set(SHARD_TAG)
  new DataView(head.buffer).setUint32(32, version, true)
  new DataView(head.buffer).setUint32(40, footerBytes, true)
  for (const file of files) for (const part of fileEntries(file)) parts.push(part)
  if (bookends) parts.push(bookend())
  for (const xorb of xorbs) for (const part of listEntries(xorb)) parts.push(part)
  if (bookends) parts.push(bookend())
  if (tail) parts.push(tail)
  return concat(parts)
}

function* fileEntries({ hash, terms, ranges, sha256, termCount }: ForgedFile): Iterable<Uint8Array> {
  const flags = (0x80000000 | (sha256 ? 0x40000000 : 0)) >>> 0
  yield entry(hash, [flags, termCount ?? terms.length])
  for (const { xorb, plainLength, start, end } of terms) yield entry(xorb, [0, plainLength, start, end])
  for (const range of ranges) yield entry(range, [])
  if (sha256) yield entry(sha256 as Hash, [])
}

function* listEntries({ hash, chunks, chunkCount, plainLength }: ForgedList): Iterable<Uint8Array> {
  yield entry(hash, [0, chunkCount ?? chunks.length, plainLength ?? lengthOf(chunks), 0])
  let at = 0
  for (const chunk of chunks) {
    yield entry(chunk.hash, [at, chunk.length])
    at += chunk.length
  }
}

/** As hf_xet would describe a xorb of ours. */
export function listOf(xorb: ForgedXorb): ForgedList {
  return { hash: xorb.hash, chunks: xorb.nodes }
}

function entry(hash: Hash | null, words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(SHARD_ENTRY_BYTES)
  if (hash !== null) bytes.set(hashBytes(hash))
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => {
    view.setUint32(HASH_BYTES + 4 * i, word >>> 0, true)
  })
  return bytes
}

function bookend(): Uint8Array {
  return new Uint8Array(SHARD_ENTRY_BYTES).fill(0xff, 0, HASH_BYTES)
}

function lengthOf(chunks: readonly { readonly length: number }[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Bytes that repeat for a seed and differ between seeds. */
export function seededBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Chunks after the ones that matter: a smaller file does not come by Xet. */
export const FILLING: readonly number[] = new Array(9).fill(120_000)

export function seededChunks(seed: number, lengths: readonly number[]): Uint8Array[] {
  return lengths.map((length, i) => seededBytes(seed * 1000 + i, length))
}
