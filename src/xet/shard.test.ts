import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GOLDEN_FOLDER, golden, goldenBytes } from '../../test/vectors/golden.ts'
import { ChunkList } from './chunk-list.ts'
import {
  CHUNK_KEY,
  type ChunkHash,
  type FileHash,
  formatHash,
  keyedChunkHash,
  type RangeHash,
  shardFileHash,
  type XorbHash,
} from './hash.ts'
import { jsKernels } from './js-kernels.ts'
import { openShard, parseDedupShard, parseShard, type Shard, type ShardFile } from './shard-reader.ts'
import { type ShardContents, writeCachedShard, writeDedupShard, writeUploadShard } from './shard-writer.ts'

/** A shard as the golden descriptions spell it. */
interface Described {
  file: string
  headerFooterSize: number
  files: {
    hash: FileHash
    terms: { xorb: XorbHash; unpacked: number; start: number; end: number }[]
    verification: RangeHash[] | null
    sha256: string | null
  }[]
  xorbs: { hash: XorbHash; bytesInXorb: number; bytesOnDisk: number; chunks: { hash: ChunkHash; length: number }[] }[]
}

const described = new Map<string, Described>()
for (const name of readdirSync(join(GOLDEN_FOLDER, 'inputs'))) {
  const { shard } = golden<{ shard?: Described }>(`inputs/${name}`)
  if (shard) described.set(shard.file, shard)
}
for (const name of readdirSync(join(GOLDEN_FOLDER, 'scenarios'), { withFileTypes: true })) {
  if (!name.isDirectory()) continue
  const { shards } = golden<{ shards?: Described[] }>(`scenarios/${name.name}/scenario.json`)
  for (const shard of shards ?? []) described.set(shard.file, shard)
}

function contentsOf({ files, xorbs }: Described): ShardContents {
  return {
    files: files.map(({ hash, terms, verification, sha256 }): ShardFile => {
      const ours = terms.map(({ xorb, unpacked, start, end }) => ({ xorb, plainLength: unpacked, start, end }))
      return { hash, terms: ours, ranges: verification, sha256 }
    }),
    xorbs: xorbs.map(({ hash, chunks, bytesOnDisk }) => ({
      hash,
      chunks: ChunkList.of(chunks),
      storedBytes: bytesOnDisk,
    })),
  }
}

/** What a parsed shard holds, in the writer's terms. */
function contentsOfParsed({ files, xorbs }: Shard): ShardContents {
  return {
    files,
    xorbs: xorbs.map(({ hash, storedBytes, chunks }) => {
      return {
        hash,
        storedBytes,
        chunks: ChunkList.of(chunks.map((chunk) => ({ ...chunk, length: chunk.plainLength }))),
      }
    }),
  }
}

describe.each([...described.values()])('$file', (shard) => {
  const bytes = goldenBytes(shard.file)

  test('is parsed to what it holds', () => {
    expect(contentsOfParsed(parseShard(bytes))).toEqual(contentsOf(shard))
  })

  test.skipIf(basename(shard.file) === 'dedup_response.shard')('is rebuilt byte for byte', () => {
    const footer = shard.headerFooterSize > 0
    const rebuilt = writeUploadShard(contentsOf(shard), {
      footer,
      createdSeconds: openShard(bytes).footer?.createdSeconds ?? 0,
    })
    expect(Buffer.from(rebuilt).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
  })
})

const cached = readdirSync(join(GOLDEN_FOLDER, 'shard')).filter((name) => name.endsWith('.mdb'))

test.each(cached)('%s is rebuilt byte for byte, tables and footer', (name) => {
  const bytes = goldenBytes(`shard/${name}`)
  const { footer } = openShard(bytes)
  const { createdSeconds = 0, expirySeconds = 0 } = footer ?? {}
  const rebuilt = writeCachedShard(contentsOfParsed(parseShard(bytes)), { createdSeconds, expirySeconds })
  expect(Buffer.from(rebuilt).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
  expect(parseDedupShard(bytes).keyed).toBe(false)
})

test.each(cached)('%s is named by the keyed hash of its bytes, once creation and expiry are as captured', (name) => {
  const bytes = goldenBytes(`shard/${name}`)
  // The golden files keep the input's name; the rule is shown on their bytes.
  expect(shardFileHash(bytes)).toMatch(/^[0-9a-f]{64}$/)
  expect(shardFileHash(bytes)).toBe(formatHash(jsKernels.hashKeyed(CHUNK_KEY, bytes)))
})

test('a keyed answer to a chunk query is rebuilt byte for byte and read back with its key', () => {
  const bytes = goldenBytes('scenarios/dedup-global-hmac/dedup_response.shard')
  const { hmacKeyRawHex } = golden<{ hmacKeyRawHex: string }>('scenarios/dedup-global-hmac/scenario.json')
  const key = Uint8Array.from(Buffer.from(hmacKeyRawHex, 'hex'))
  const { chunks, xorbs } = golden<{ chunks: { hash: ChunkHash; length: number }[]; xorbs: { hash: XorbHash }[] }>(
    'inputs/dedup_v1.bin.json',
  )
  const { createdSeconds = 0, expirySeconds = 0 } = openShard(bytes).footer ?? {}
  const hash = xorbs[0]?.hash as XorbHash
  const rebuilt = writeDedupShard({
    xorbs: [{ hash, chunks: ChunkList.of(chunks) }],
    key,
    createdSeconds,
    expirySeconds,
  })
  expect(Buffer.from(rebuilt).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
  const answer = parseDedupShard(bytes)
  expect(answer).toMatchObject({ keyed: true, key, expirySeconds })
  expect(answer.xorbs[0]?.chunks.map((chunk) => chunk.hash)).toEqual(
    chunks.map((chunk) => keyedChunkHash(key, chunk.hash)),
  )
})
