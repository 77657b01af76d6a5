/** What a xorb or a shard holds. A xorb's chunks are all decoded and hashed: what is printed is true, not claimed. */
import { readFile } from 'node:fs/promises'
import { AppError } from '../base/app-error.ts'
import { ByteQueue } from '../base/byte-queue.ts'
import { ChunkListBuilder } from '../xet/chunk-list.ts'
import { SHARD_BODY_BYTES_MAX } from '../xet/constants.ts'
import type { ChunkHash, FileHash, XorbHash } from '../xet/hash.ts'
import { xorbHashOfList } from '../xet/merkle.ts'
import { openShard, SHARD_TAG } from '../xet/shard-reader.ts'
import { checkFooter } from '../xet/xorb-footer.ts'
import { readXorbChunks } from '../xet/xorb-reader.ts'
import { openLocalFile, readLocalFile } from './xet-local-file.ts'

export interface InspectedXorb {
  readonly kind: 'xorb'
  readonly path: string
  readonly hash: XorbHash
  readonly plainBytes: number
  readonly storedBytes: number
  readonly footer: boolean
  /** Chunks by compression scheme. */
  readonly schemes: Readonly<Record<string, number>>
  readonly chunks: readonly { hash: ChunkHash; scheme: number; plainBytes: number; storedBytes: number }[]
}

export interface InspectedShard {
  readonly kind: 'shard'
  readonly path: string
  readonly footer: { readonly keyed: boolean; readonly created: number; readonly expiry: number | null } | null
  readonly files: readonly {
    readonly fileHash: FileHash
    readonly sha256: string | null
    readonly bytes: number
    readonly terms: number
    readonly verified: boolean
  }[]
  readonly xorbs: readonly { readonly hash: XorbHash; readonly chunks: number; readonly plainBytes: number }[]
}

export async function inspectFile(path: string): Promise<InspectedXorb | InspectedShard> {
  const queue = new ByteQueue(readLocalFile(path))
  const head = await queue.peek(SHARD_TAG.length)
  await queue.close()
  const isShard = head.length === SHARD_TAG.length && SHARD_TAG.every((byte, i) => head[i] === byte)
  return isShard ? inspectShard(path) : inspectXorb(path)
}

async function inspectXorb(path: string): Promise<InspectedXorb> {
  const list = new ChunkListBuilder()
  const chunks: InspectedXorb['chunks'][number][] = []
  const recordEnds: number[] = []
  const schemes: Record<string, number> = {}
  let storedBytes = 0
  let tail: Uint8Array = new Uint8Array(0)
  const onTail = (bytes: Uint8Array) => {
    tail = bytes
  }
  const reading = readXorbChunks(readLocalFile(path), { onTail })
  for await (const { hash, plain, record } of orNoXorb(reading, path)) {
    const scheme = record[4] as number
    storedBytes += record.length
    recordEnds.push(storedBytes)
    list.add(hash, plain.length)
    schemes[scheme] = (schemes[scheme] ?? 0) + 1
    chunks.push({ hash, scheme, plainBytes: plain.length, storedBytes: record.length })
  }
  const packed = list.finish()
  if (packed.count === 0) throw new AppError('malformed', 'XORB_EMPTY', `${path} holds no chunk: it is no xorb`)
  const hash = xorbHashOfList(packed)
  checkFooter(tail, hash, packed, recordEnds)
  return {
    kind: 'xorb',
    path,
    hash,
    plainBytes: packed.plainBytes,
    storedBytes,
    footer: tail.length > 0,
    schemes,
    chunks,
  }
}

/** What fails before its first chunk is no damaged xorb but none. */
async function* orNoXorb<T>(chunks: AsyncIterable<T>, path: string): AsyncGenerator<T> {
  let count = 0
  try {
    for await (const chunk of chunks) {
      count++
      yield chunk
    }
  } catch (error) {
    if (count > 0 || !(error instanceof AppError) || !['integrity', 'damaged'].includes(error.kind)) throw error
    throw new AppError('malformed', error.code, `${path} is no xorb: ${error.message}`, { cause: error })
  }
}

async function inspectShard(path: string): Promise<InspectedShard> {
  const file = await openLocalFile(path)
  const { size } = await file.stat().finally(() => file.close())
  if (size > SHARD_BODY_BYTES_MAX) throw new AppError('too-large', 'SHARD_TOO_LARGE', `${path} has ${size} bytes`)
  const shard = openShard(await readFile(path))
  const footer = shard.footer && {
    keyed: shard.footer.keyed,
    created: shard.footer.createdSeconds,
    expiry: Number.isFinite(shard.footer.expirySeconds) ? shard.footer.expirySeconds : null,
  }
  const files = Array.from(shard.files(), (entry) => {
    let bytes = 0
    for (let i = 0; i < entry.termCount; i++) bytes += entry.termPlainLength(i)
    const { hash: fileHash, sha256, termCount: terms, hasRanges: verified } = entry
    return { fileHash, sha256, bytes, terms, verified }
  })
  const xorbs = Array.from(shard.xorbs(), ({ hash, chunkCount, plainLength }) => {
    return { hash, chunks: chunkCount, plainBytes: plainLength }
  })
  return { kind: 'shard', path, footer, files, xorbs }
}
