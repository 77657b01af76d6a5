import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { golden, goldenBytes, GOLDEN_FOLDER } from '../../test/vectors/golden.ts'
import { ChunkList } from './chunk-list.ts'
import { type ChunkHash, type FileHash, formatHash, keyedChunkHash, type RangeHash, shardFileHash, type XorbHash } from './hash.ts'
import { countShardChunks, openShard, parseDedupShard, parseShard, type Shard, type ShardFile } from './shard-reader.ts'
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
  const { shards } = golden<{ shards: Described[] }>(`scenarios/${name.name}/scenario.json`)
  for (const shard of shards) described.set(shard.file, shard)
}

function contentsOf({ files, xorbs }: Described): ShardContents {
  return {
    files: files.map(({ hash, terms, verification, sha256 }): ShardFile => {
      const ours = terms.map(({ xorb, unpacked, start, end }) => ({ xorb, plainLength: unpacked, start, end }))
      return { hash, terms: ours, ranges: verification, sha256 }
    }),
    xorbs: xorbs.map(({ hash, chunks, bytesOnDisk }) => ({ hash, chunks: ChunkList.of(chunks), storedBytes: bytesOnDisk })),
  }
}

/** What a parsed shard holds, in the writer's terms. */
function contentsOfParsed({ files, xorbs }: Shard): ShardContents {
  return {
    files,
    xorbs: xorbs.map(({ hash, storedBytes, chunks }) => {
      return { hash, storedBytes, chunks: ChunkList.of(chunks.map((chunk) => ({ ...chunk, length: chunk.plainLength }))) }
    }),
  }
}

describe.each([...described.values()])('$file', (shard) => {
  const bytes = goldenBytes(shard.file)

  test('is parsed to what it holds', () => {
    expect(contentsOfParsed(parseShard(bytes))).toEqual(contentsOf(shard))
    const covered = shard.files.flatMap(({ terms }) => terms.map(({ start, end }) => end - start))
    expect(countShardChunks(bytes)).toBe(covered.reduce((sum, count) => sum + count, 0))
  })

  test('is rebuilt byte for byte', () => {
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
