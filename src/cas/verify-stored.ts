/**
 * Checks what is stored against the names it has: CRC (by the store), BLAKE3 of every chunk and the xorb's root, SHA-256
 * of shards and of whole files. Bad chunks are quarantined one by one; the others stay readable.
 */
import { createHash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import type { BlobInfo, BlobKey } from '../store/blob-store.ts'
import type { ScrubKind } from '../store/scrub.ts'
import { ChunkList } from '../xet/chunk-list.ts'
import { decompress } from '../xet/compression.ts'
import { CHUNK_HEADER_BYTES } from '../xet/constants.ts'
import { chunkHash, type FileHash, hashBytes, type XorbHash } from '../xet/hash.ts'
import { MerkleFold } from '../xet/merkle.ts'
import { hashFile } from './hash-file.ts'
import { findDamaged, type Holdings } from './holdings.ts'
import { Pacer } from './pacer.ts'

interface Verdict {
  readonly bytes: number
  readonly problems: readonly string[]
}

/** In the order of dependence: what is wrong with a xorb is known before its files are read. */
export function scrubKinds(holdings: Holdings): ScrubKind[] {
  const { blobs } = holdings
  return [
    { kind: 'xorb', list: (after) => blobs.list('xorb', after), verify: (name) => verifyXorb(holdings, name) },
    { kind: 'shard', list: (after) => blobs.list('shard', after), verify: (name) => verifyShard(holdings, name) },
    { kind: 'file', list: (after) => filesAfter(holdings, after), verify: (name) => verifyFile(holdings, name) },
  ]
}

async function* filesAfter({ catalog }: Holdings, after: string): AsyncIterable<string> {
  for await (const key of catalog.listKeys('sha256')) if (key > after) yield key
}

async function verifyXorb(holdings: Holdings, name: string): Promise<Verdict> {
  const { blobs, catalog, clock } = holdings
  const key: BlobKey = { kind: 'xorb', name }
  const info = await getInfo(holdings, key)
  const packed = await catalog.findRecord('xorb', name)
  const list = packed === null ? null : new ChunkList(packed)
  const pacer = new Pacer(clock)
  const fold = new MerkleFold()
  const bad: number[] = []
  for await (const { segment, bytes } of soundSegments(holdings, key, info)) {
    const plain = plainOf(bytes)
    const hash = plain === null ? null : chunkHash(plain)
    if (plain === null || hash === null || (list !== null && (segment >= list.count || list.hash(segment) !== hash)))
      bad.push(segment)
    else fold.add(hashBytes(hash), plain.length)
    if (pacer.isDue) await pacer.pause()
  }
  if (bad.length > 0) await blobs.quarantine(key, bad)
  const damaged = (await blobs.find(key))?.damaged ?? []
  if (damaged.length > 0) {
    return {
      bytes: info.length,
      problems: [`${damaged.length} of ${info.ends.length} chunks are damaged, first ${damaged[0]}`],
    }
  }
  if (fold.root() === name) return { bytes: info.length, problems: [] }
  await blobs.quarantine(key, [...info.ends.keys()])
  return { bytes: info.length, problems: ['its chunks make another hash than its name'] }
}

async function verifyShard(holdings: Holdings, name: string): Promise<Verdict> {
  const key: BlobKey = { kind: 'shard', name }
  const info = await getInfo(holdings, key)
  const sha256 = createHash('sha256')
  for await (const { bytes } of soundSegments(holdings, key, info)) sha256.update(bytes)
  const damaged = (await holdings.blobs.find(key))?.damaged ?? []
  if (damaged.length === 0 && sha256.digest('hex') === name) return { bytes: info.length, problems: [] }
  if (damaged.length === 0) await holdings.blobs.quarantine(key, [...info.ends.keys()])
  return {
    bytes: info.length,
    problems: ['its bytes are damaged: rebuild cannot use it until its files are sent again'],
  }
}

/** A file that touches damaged chunks is named for what it lacks. */
async function verifyFile(holdings: Holdings, name: string): Promise<Verdict> {
  const hash = name as FileHash
  const [file, expected] = [await holdings.findFile(hash), await holdings.findSha256(hash)]
  if (file === null || expected === null) return { bytes: 0, problems: [] }
  for (const { xorb: of, start, end } of file.terms()) {
    const xorb = await holdings.findXorb(of)
    if (xorb === null) return { bytes: 0, problems: [`xorb ${of} of it is lost: push the file again`] }
    if (findDamaged(xorb, start, end) !== null) {
      return { bytes: 0, problems: [`xorb ${of} of it is damaged: push the file again`] }
    }
  }
  const getXorb = async ({ xorb }: { xorb: XorbHash }) => {
    const found = await holdings.findXorb(xorb)
    if (found === null) throw new AppError('not-found', 'BLOB_NOT_FOUND', `No xorb ${xorb} is stored`)
    return found
  }
  const isSame = (await hashFile(holdings, file, { pacer: new Pacer(holdings.clock), getXorb })) === expected
  return { bytes: file.size, problems: isSame ? [] : ['its bytes have another SHA-256 than was verified'] }
}

/** The segments that pass their CRC; others are recorded by the store and passed over. */
export async function* soundSegments(
  { blobs }: Holdings,
  key: BlobKey,
  info: BlobInfo,
): AsyncGenerator<{ segment: number; bytes: Uint8Array }> {
  const { ends, copy } = info
  for (let segment = 0; segment < ends.length; ) {
    const start = segment === 0 ? 0 : (ends[segment - 1] as number)
    try {
      for await (const piece of blobs.open(key, { start, end: info.length }, { copy })) {
        // Pieces end where segments end.
        for (let at = 0; at < piece.length; segment++) {
          const from = segment === 0 ? 0 : (ends[segment - 1] as number)
          const length = (ends[segment] as number) - from
          yield { segment, bytes: piece.subarray(at, at + length) }
          at += length
        }
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'BLOB_DAMAGED') throw error
      // A batch is refused for one segment of it: the sound ones before it are read one by one.
      const bad = error.data.segment as number
      for (; segment < bad; segment++) yield { segment, bytes: await readSegment(blobs, key, info, segment) }
      segment = bad + 1
    }
  }
}

async function readSegment(
  blobs: Holdings['blobs'],
  key: BlobKey,
  { ends, copy }: BlobInfo,
  segment: number,
): Promise<Uint8Array> {
  const start = segment === 0 ? 0 : (ends[segment - 1] as number)
  const parts: Uint8Array[] = []
  for await (const part of blobs.open(key, { start, end: ends[segment] as number }, { copy })) parts.push(part)
  return Buffer.concat(parts)
}

/** Null when the record cannot be decoded. */
export function plainOf(record: Uint8Array): Uint8Array | null {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
  if (record.length < CHUNK_HEADER_BYTES) return null
  const plainLength = view.getUint32(4, true) >>> 8
  try {
    return decompress(record[4] as number, record.subarray(CHUNK_HEADER_BYTES), plainLength)
  } catch (error) {
    if (error instanceof AppError) return null
    throw error
  }
}

async function getInfo({ blobs }: Holdings, key: BlobKey): Promise<BlobInfo> {
  const info = await blobs.find(key)
  if (info === null) throw new AppError('not-found', 'BLOB_NOT_FOUND', `No ${key.kind} ${key.name} is stored`)
  return info
}
