/**
 * A file that comes as plain bytes (an LFS upload) becomes chunks, xorbs and a shard here, as a Xet client would have
 * made them. Equal bytes give equal xorbs, so a second upload stores nothing new. Nothing names the file before its
 * SHA-256 and size are compared; memory is one xorb's.
 */
import { createHash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import type { BlobKey, SegmentRun } from '../store/blob-store.ts'
import { chunksOf } from '../xet/file-chunker.ts'
import { type ChunkHash, chunkHash, type FileHash, hashBytes, verificationHash, type XorbHash } from '../xet/hash.ts'
import { MerkleFold } from '../xet/merkle.ts'
import type { ShardFile, Term } from '../xet/shard-reader.ts'
import { writeUploadShard, type XorbEntry } from '../xet/shard-writer.ts'
import { XorbBuilder } from '../xet/xorb-writer.ts'
import { acceptShard } from './accept-shard.ts'
import type { IngestOptions } from './cas-files.ts'
import type { Holdings } from './holdings.ts'
import { Pacer } from './pacer.ts'
import { BATCH_BYTES } from './record-work.ts'
import { xorbName } from './rights.ts'

/** Resolves to the file's hash when all of it is durable and leased to `account`. */
export async function ingestFile(
  holdings: Holdings,
  account: string,
  body: AsyncIterable<Uint8Array>,
  expected: IngestOptions,
): Promise<FileHash> {
  const packer = new Packer(holdings, account)
  const sha256 = createHash('sha256')
  const counted = countedBytes(body, expected)
  for await (const plain of chunksOf(counted)) {
    sha256.update(plain)
    await packer.add(plain)
  }
  const actual = sha256.digest('hex')
  if (actual !== expected.sha256 || packer.size !== expected.size) {
    throw mismatch(expected, `SHA-256 ${actual} and ${packer.size} bytes`)
  }
  const shard = await packer.finish(expected.sha256)
  await acceptShard(holdings, account, shard, { isSha256Computed: true })
  return packer.fileHash
}

class Packer {
  readonly #holdings: Holdings
  readonly #account: string
  readonly #pacer: Pacer
  readonly #fold = new MerkleFold()
  readonly #terms: { xorb: XorbHash | null; start: number; end: number; plainLength: number; hashes: ChunkHash[] }[] =
    []
  readonly #xorbs = new Map<XorbHash, XorbEntry>()
  #builder = new XorbBuilder()
  /** Chunks of the xorb being built, so that repeats inside it are stored once. */
  #known = new Map<ChunkHash, number>()
  size = 0

  constructor(holdings: Holdings, account: string) {
    this.#holdings = holdings
    this.#account = account
    this.#pacer = new Pacer(holdings.clock)
  }

  get fileHash(): FileHash {
    return this.#fold.fileHash()
  }

  async add(plain: Uint8Array): Promise<void> {
    const hash = chunkHash(plain)
    this.#fold.add(hashBytes(hash), plain.length)
    this.size += plain.length
    let index = this.#known.get(hash)
    if (index === undefined) {
      if (!this.#builder.fits(plain.length)) await this.#cut()
      index = this.#builder.add(hash, plain)
      this.#known.set(hash, index)
    }
    const last = this.#terms.at(-1)
    if (last !== undefined && last.xorb === null && last.end === index) {
      last.end++
      last.plainLength += plain.length
      last.hashes.push(hash)
    } else {
      this.#terms.push({ xorb: null, start: index, end: index + 1, plainLength: plain.length, hashes: [hash] })
    }
    if (this.#pacer.isDue) await this.#pacer.pause()
  }

  /** The shard that says all this, in the form that clients upload. */
  async finish(sha256: string): Promise<Uint8Array> {
    if (this.#builder.count > 0) await this.#cut()
    const terms: Term[] = this.#terms.map(({ xorb, start, end, plainLength }) => ({
      xorb: xorb as XorbHash,
      start,
      end,
      plainLength,
    }))
    const ranges = this.#terms.map(({ hashes }) => verificationHash(hashes))
    const file: ShardFile = { hash: this.fileHash, terms, ranges, sha256 }
    return writeUploadShard({ files: [file], xorbs: [...this.#xorbs.values()] })
  }

  async #cut(): Promise<void> {
    const { hash, chunks, body, recordEnds } = this.#builder.finish()
    this.#builder = new XorbBuilder()
    this.#known = new Map()
    const key: BlobKey = { kind: 'xorb', name: hash }
    const pin = this.#holdings.pins.hold(xorbName(hash))
    try {
      await this.#holdings.blobs.put(key, runsOf(body, recordEnds))
      await this.#holdings.catalog.write({
        records: [{ kind: 'xorb', key: hash, value: chunks.packed }],
        leases: this.#holdings.leasesFor(this.#account, [xorbName(hash)]),
      })
    } finally {
      pin.release()
    }
    this.#xorbs.set(hash, { hash, chunks })
    for (const term of this.#terms) term.xorb ??= hash
  }
}

/** Some hundred KiB at a time: a run is written at once. */
async function* runsOf(body: Uint8Array, ends: Uint32Array): AsyncIterable<SegmentRun> {
  let start = 0
  let runEnds: number[] = []
  for (const end of ends) {
    runEnds.push(end - start)
    if (end - start < BATCH_BYTES && end < body.length) continue
    yield { bytes: body.subarray(start, end), ends: runEnds }
    start = end
    runEnds = []
  }
}

/** Stops reading as soon as the body is longer than it may be. */
async function* countedBytes(body: AsyncIterable<Uint8Array>, expected: IngestOptions): AsyncIterable<Uint8Array> {
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.length
    if (bytes > expected.size) throw mismatch(expected, `more than ${expected.size} bytes`)
    yield piece
  }
}

function mismatch({ sha256, size }: IngestOptions, found: string): AppError {
  const message = `The bytes are not object ${sha256} of ${size} bytes: found ${found}. Nothing was kept`
  return new AppError('integrity', 'LFS_OID_MISMATCH', message, { data: { sha256, size } })
}
