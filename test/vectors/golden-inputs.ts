/** The inputs of the golden files: their bytes, and what hf_xet made of them. */
import type { ChunkHash, FileHash, XorbHash } from '../../src/xet/hash.ts'
import { golden } from './golden.ts'
import { cook, type Recipe } from './recipe.ts'

export interface GoldenXorb {
  hash: XorbHash
  /** Null when all chunks are stored plain, so that the body can be rebuilt. */
  file: string | null
  serializedLength: number
  sha256: string
  chunks: {
    scheme: number
    byteEnd: number
    compressedLength: number
    uncompressedLength: number
    hash: ChunkHash
  }[]
}

export interface GoldenInput {
  name: string
  recipe: Recipe
  size: number
  sha256: string
  chunks: { offset: number; length: number; hash: ChunkHash; globalDedupEligibleByHash: boolean }[]
  merkleRoot: string
  fileHash: FileHash
  xorbs: GoldenXorb[]
}

export const INPUT_NAMES = Object.keys(golden<Record<string, unknown>>('inputs/index.json'))

export function goldenInput(name: string): GoldenInput & { bytes: Uint8Array; plainOf: Map<ChunkHash, Uint8Array> } {
  const input = golden<GoldenInput>(`inputs/${name}.json`)
  const bytes = cook(input.recipe)
  const plainOf = new Map(
    input.chunks.map(({ hash, offset, length }) => [hash, bytes.subarray(offset, offset + length)]),
  )
  return { ...input, bytes, plainOf }
}
