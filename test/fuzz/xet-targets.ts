/** The binary formats of Xet. */

import { kernels } from '../../src/xet/active-kernels.ts'
import { decompress } from '../../src/xet/compression.ts'
import { CHUNK_PLAIN_BYTES_MAX, HASH_BYTES, KERNEL_BYTES_MAX } from '../../src/xet/constants.ts'
import { formatHash, hashBytes, parseHash } from '../../src/xet/hash.ts'
import { jsKernels } from '../../src/xet/js-kernels.ts'
import { decodeFrame } from '../../src/xet/lz4-frame.ts'
import { openShard, parseDedupShard, parseShard } from '../../src/xet/shard-reader.ts'
import { parseXorbFooter, writeXorbFooter } from '../../src/xet/xorb-footer.ts'
import { readXorbChunks } from '../../src/xet/xorb-reader.ts'
import { goldenBytes } from '../vectors/golden.ts'
import { inPieces } from '../vectors/pieces.ts'
import { cook } from '../vectors/recipe.ts'
import { type FuzzTarget, must, textTarget } from './fuzz-target.ts'

const shards = [
  'shard/hello.txt.upload.shard',
  'shard/mix5m.bin.upload.shard',
  'shard/r100k.bin.cached.mdb',
  'scenarios/dedup-global-hmac/dedup_response.shard',
  'scenarios/dedup-global-plain-lookup/dedup_response.shard',
  'scenarios/js-client-huggingface-hub-2.17.5/upload-8.shard',
]
const xorbs = ['xorb/hello.txt.xorb', 'xorb/text7k.txt.xorb', 'xorb/const1m.bin.xorb', 'xorb/one.bin.xorb']
const text = cook([{ op: 'textlines', seed: 1, length: 2000 }])

function frames(): Uint8Array[] {
  const js = goldenBytes(
    'scenarios/js-client-huggingface-hub-2.17.5/c938108acad0a8a1dd63e330d2106b9883e8a462a9a489b3aaa497145ce62761.xorb',
  )
  const length = (js[1] as number) | ((js[2] as number) << 8) | ((js[3] as number) << 16)
  const zeros = kernels.compressFrame(new Uint8Array(70_000)) as Uint8Array
  return [kernels.compressFrame(text) as Uint8Array, zeros, js.subarray(8, 8 + length)]
}

export const XET_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'lz4-frame',
    seeds: frames,
    run(bytes) {
      const plain = decodeFrame(bytes, CHUNK_PLAIN_BYTES_MAX)
      must(plain.length <= CHUNK_PLAIN_BYTES_MAX, 'a frame stays within the bound')
    },
  },
  {
    name: 'lz4-blocks',
    seeds: frames,
    run(bytes) {
      if (bytes.length < 16 || bytes.length > KERNEL_BYTES_MAX) return
      const fast = kernels.decompressFrame(bytes, 5000)
      const plain = jsKernels.decompressFrame(bytes, 5000)
      must(fast === null ? plain === null : plain !== null && Buffer.compare(fast, plain) === 0, 'drivers agree')
    },
  },
  {
    name: 'chunk-payload',
    seeds: () => frames().map((frame) => Uint8Array.of(1, 0xcf, 7, 0, ...frame)),
    run(bytes) {
      const [scheme = 0, low = 0, middle = 0, high = 0] = bytes
      const plainLength = 1 + ((low | (middle << 8) | (high << 16)) % CHUNK_PLAIN_BYTES_MAX)
      const plain = decompress(scheme, bytes.subarray(4), plainLength, { bitslice: true })
      must(plain.length === plainLength, 'the plain length is the one promised')
    },
  },
  {
    name: 'xorb',
    seeds: () => [...xorbs, 'xorb/with-footer.xorb'].map(goldenBytes),
    async run(bytes) {
      let stored = 0
      for await (const { record, plain } of readXorbChunks(inPieces(bytes, 1000), { onTail: () => undefined })) {
        stored += record.length
        must(plain.length > 0 && plain.length <= CHUNK_PLAIN_BYTES_MAX, 'a chunk has a legal length')
      }
      must(stored <= bytes.length, 'records are part of what came')
    },
  },
  {
    name: 'xorb-footer',
    seeds: () => [goldenBytes('xorb/with-footer.xorb').subarray(74_836)],
    run(bytes) {
      const footer = parseXorbFooter(bytes)
      const isCurrent = bytes[7] === 1
      must(!isCurrent || writeXorbFooter(footer).length === bytes.length, 'a footer is as long as its chunks say')
    },
  },
  {
    name: 'shard',
    seeds: () => shards.map(goldenBytes),
    run(bytes) {
      parseShard(bytes)
      must(openShard(bytes).sections.end <= bytes.length, 'sections lie inside')
    },
  },
  {
    name: 'dedup-shard',
    seeds: () => shards.slice(2).map(goldenBytes),
    run(bytes) {
      must(parseDedupShard(bytes).key.length === HASH_BYTES, 'a key is 32 bytes')
    },
  },
  textTarget('xet-hash', ['00'.repeat(32), 'AbCdEf01'.repeat(8)], (hash) => {
    const parsed = parseHash(hash)
    must(formatHash(hashBytes(parsed)) === parsed, 'a hash survives its bytes')
  }),
]
