import { expect, test } from 'vitest'
import { golden } from '../../test/vectors/golden.ts'
import { cook, type Recipe } from '../../test/vectors/recipe.ts'
import { FileChunker } from './file-chunker.ts'
import { FragmentationGuard } from './fragmentation.ts'
import { type ChunkHash, chunkHash } from './hash.ts'
import { type ChunkNode, fileHash, xorbHash } from './merkle.ts'

interface Golden {
  recipe: { B: Recipe; D: Recipe }
  pairs: number
  fileHashB: string
  fileHashC: string
  terms: [xorb: string, start: number, end: number, length: number][]
}

function nodesOf(recipe: Recipe): ChunkNode[] {
  const nodes: ChunkNode[] = []
  const chunker = new FileChunker((plain) => nodes.push({ hash: chunkHash(plain), length: plain.length }))
  chunker.push(cook(recipe))
  chunker.finish()
  return nodes
}

test('one known chunk among five new ones is deduplicated as often as hf_xet does it', () => {
  const { recipe, pairs, fileHashB, fileHashC, terms } = golden<Golden>(
    'scenarios/fragmentation-prevention/scenario.json',
  )
  const known = nodesOf(recipe.B)
  const fresh = nodesOf(recipe.D)
  expect(fileHash(known)).toBe(fileHashB)
  const file = Array.from({ length: pairs }, (_, i) => [known[i] as ChunkNode, ...fresh.slice(5 * i, 5 * i + 5)]).flat()
  expect(fileHash(file)).toBe(fileHashC)

  const knownAt = new Map<ChunkHash, number>(known.map(({ hash }, i) => [hash, i]))
  const guard = new FragmentationGuard()
  const stored: ChunkNode[] = []
  const ours: { isKnown: boolean; start: number; end: number; length: number }[] = []
  const append = (isKnown: boolean, at: number, length: number) => {
    const last = ours.at(-1)
    const continues = last !== undefined && last.isKnown === isKnown && last.end === at
    guard.append(1, continues)
    if (continues) Object.assign(last, { end: at + 1, length: last.length + length })
    else ours.push({ isKnown, start: at, end: at + 1, length })
  }
  for (const node of file) {
    const at = knownAt.get(node.hash)
    const last = ours.at(-1)
    if (at !== undefined && guard.accept(1, last?.isKnown === true && last.end === at)) append(true, at, node.length)
    else {
      append(false, stored.length, node.length)
      stored.push(node)
    }
  }
  const names = { known: xorbHash(known), stored: xorbHash(stored) }
  expect(
    ours.map(({ isKnown, start, end, length }) => [isKnown ? names.known : names.stored, start, end, length]),
  ).toEqual(terms)
})

test('a range that continues the last one is always taken, and the mean must recover before short ones are', () => {
  const guard = new FragmentationGuard()
  for (let i = 0; i < 128; i++) {
    expect(guard.accept(1, false)).toBe(true)
    guard.append(2, false)
  }
  expect(guard.accept(1, false)).toBe(false)
  expect(guard.accept(1, true)).toBe(true)
  expect(guard.accept(2, false)).toBe(true)
  for (let i = 0; i < 64; i++) guard.append(8, false)
  // The mean is 5 now: enough for the low threshold of 4, not for the high one of 8 that a refusal sets.
  expect(guard.accept(1, false)).toBe(false)
  for (let i = 0; i < 128; i++) guard.append(8, false)
  expect(guard.accept(1, false)).toBe(true)
})
