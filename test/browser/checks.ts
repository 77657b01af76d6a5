/**
 * The golden vectors once more, where there is no Node: imported by the page that main.ts serves. `read` gives a golden
 * file; what is checked is what a browser would do with files, xorbs and shards.
 */
import { installKernels } from '../../src/xet/active-kernels.ts'
import { ChunkList } from '../../src/xet/chunk-list.ts'
import { FileChunker } from '../../src/xet/file-chunker.ts'
import { FileHasher } from '../../src/xet/file-hasher.ts'
import { type ChunkHash, chunkHash, type FileHash } from '../../src/xet/hash.ts'
import { jsKernels } from '../../src/xet/js-kernels.ts'
import type { Kernels } from '../../src/xet/kernels.ts'
import { type ChunkNode, fileHash, merkleRoot, xorbHash } from '../../src/xet/merkle.ts'
import { parseShard } from '../../src/xet/shard-reader.ts'
import { writeUploadShard } from '../../src/xet/shard-writer.ts'
import { createWasmKernels } from '../../src/xet/wasm-kernels.ts'
import { readXorbChunks } from '../../src/xet/xorb-reader.ts'
import { XorbBuilder } from '../../src/xet/xorb-writer.ts'
import { cook, type Recipe } from '../vectors/recipe.ts'

export interface CheckResult {
  readonly name: string
  /** Null when it holds. */
  readonly error: string | null
}

type Read = (name: string) => Promise<Uint8Array<ArrayBuffer>>

interface Input {
  recipe: Recipe
  size: number
  sha256: string
  chunks: { offset: number; length: number; hash: ChunkHash }[]
  merkleRoot: string
  fileHash: FileHash
  xorbs: { hash: string; file: string | null; sha256: string; chunks: { hash: ChunkHash; scheme: number }[] }[]
  shard: { file: string }
}

const PIECES = [Number.POSITIVE_INFINITY, 37, 255, 65_536]
const ONE_BY_ONE_BYTES_MAX = 1_000_000
/** Plain JavaScript hashes slowly: it is shown on the small inputs. */
const JS_BYTES_MAX = 200_000

export async function runChecks(read: Read): Promise<CheckResult[]> {
  const json = async <T>(name: string) => JSON.parse(new TextDecoder().decode(await read(name))) as T
  const wasm = createWasmKernels(await read('kernels.wasm'))
  const results: CheckResult[] = []
  const check = async (name: string, run: () => Promise<void>) => {
    try {
      await run()
      results.push({ name, error: null })
    } catch (error) {
      results.push({ name, error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) })
    }
  }
  for (const name of Object.keys(await json<Record<string, unknown>>('inputs/index.json'))) {
    const input = await json<Input>(`inputs/${name}.json`)
    const bytes = cook(input.recipe)
    await check(`${name}: bytes`, async () => same(await sha256(bytes), input.sha256))
    for (const kernels of [wasm, ...(input.size <= JS_BYTES_MAX ? [jsKernels] : [])]) {
      await check(`${name}: chunks and hashes (${kernels.name})`, async () => checkFile(kernels, bytes, input))
      await check(`${name}: xorbs (${kernels.name})`, () => checkXorbs(kernels, bytes, input, read))
    }
    await check(`${name}: shard`, async () => checkShard(await read(input.shard.file)))
  }
  await check('merkle lists', async () => checkMerkle(await json('hashing/merkle-reference.json')))
  return results
}

function checkFile(kernels: Kernels, bytes: Uint8Array, input: Input): void {
  installKernels(kernels)
  const expected = input.chunks.map(({ hash, length }) => ({ hash, length }))
  const sizes = bytes.length <= ONE_BY_ONE_BYTES_MAX && kernels.name === 'wasm' ? [...PIECES, 1] : PIECES
  for (const size of sizes) {
    const nodes: ChunkNode[] = []
    const chunker = new FileChunker((plain) => nodes.push({ hash: chunkHash(plain), length: plain.length }))
    const hasher = new FileHasher()
    for (let at = 0; at < bytes.length; at += size) {
      chunker.push(bytes.subarray(at, at + size))
      hasher.push(bytes.subarray(at, at + size))
    }
    chunker.finish()
    same(nodes, expected)
    same(hasher.finish(), input.fileHash)
    hasher.close()
  }
  same(merkleRoot(expected), input.merkleRoot)
  same(fileHash(expected), input.fileHash)
}

async function checkXorbs(kernels: Kernels, bytes: Uint8Array, input: Input, read: Read): Promise<void> {
  installKernels(kernels)
  const plainOf = new Map(
    input.chunks.map(({ hash, offset, length }) => [hash, bytes.subarray(offset, offset + length)]),
  )
  for (const xorb of input.xorbs) {
    const builder = new XorbBuilder()
    for (const { hash } of xorb.chunks) builder.add(hash, plainOf.get(hash) as Uint8Array)
    const ours = builder.finish()
    same(ours.hash, xorb.hash)
    const isPlain = xorb.chunks.every(({ scheme }) => scheme === 0)
    if (isPlain) same(await sha256(ours.body), xorb.sha256)
    const bodies = [ours.body, ...(xorb.file === null ? [] : [await read(xorb.file)])]
    for (const body of bodies) {
      const nodes: ChunkNode[] = []
      for await (const { hash, plain } of readXorbChunks(piecesOf(body, 255)))
        nodes.push({ hash, length: plain.length })
      same(
        nodes.map(({ hash }) => hash),
        xorb.chunks.map(({ hash }) => hash),
      )
      same(xorbHash(nodes), xorb.hash)
    }
  }
}

async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function checkShard(bytes: Uint8Array): void {
  const { files, xorbs } = parseShard(bytes)
  const lists = xorbs.map(({ hash, chunks }) => {
    return { hash, chunks: ChunkList.of(chunks.map((chunk) => ({ hash: chunk.hash, length: chunk.plainLength }))) }
  })
  same([...writeUploadShard({ files, xorbs: lists })], [...bytes])
}

interface MerkleCases {
  cases: { nodes: (ChunkNode | [ChunkHash, number])[]; xorbHash: string }[]
}

function checkMerkle({ cases }: MerkleCases): void {
  for (const { nodes, xorbHash: expected } of cases) {
    const list = nodes.map((node) => (Array.isArray(node) ? { hash: node[0], length: node[1] } : node))
    same(xorbHash(list), expected)
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function same(actual: unknown, expected: unknown): void {
  const [ours, theirs] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (ours !== theirs) throw new Error(`is ${ours?.slice(0, 200)}, not ${theirs?.slice(0, 200)}`)
}
