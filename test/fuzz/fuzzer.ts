/**
 * Feeds a target with its regressions and seeds as they are, then with mutations of them for as long as asked. All chance
 * comes from one seed, which a finding names together with the input.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'
import { xorshift32 } from '../vectors/recipe.ts'
import type { FuzzTarget } from './fuzz-target.ts'

export interface Finding {
  readonly target: string
  readonly seed: number
  readonly input: Uint8Array
  readonly why: string
}

export interface FuzzOutcome {
  readonly cases: number
  readonly accepted: number
  readonly finding: Finding | null
}

const CASE_MS_MAX = 2000
const EDITS_MAX = 6
/** Values at which counts and lengths turn over. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff]

export async function fuzz(target: FuzzTarget, options: { ms: number; seed: number }): Promise<FuzzOutcome> {
  // Copies of our own: a Buffer's `slice` would share its bytes.
  const seeds = [...target.seeds(), ...readFolder('corpus', target.name)].map((seed) => new Uint8Array(seed))
  const next = xorshift32(options.seed || 1)
  const started = systemClock.monotonicMs()
  let accepted = 0
  let cases = 0
  const queue = [...readFolder('regressions', target.name), ...seeds]
  while (cases < queue.length || systemClock.monotonicMs() - started < options.ms) {
    const input = queue[cases] ?? mutate(seeds, next)
    const why = await findFault(target, input)
    cases++
    if (why === null) accepted++
    else if (why !== 'refused')
      return { cases, accepted, finding: { target: target.name, seed: options.seed, input, why } }
  }
  return { cases, accepted, finding: null }
}

/** Null when accepted, 'refused' when refused as it should be, else what went wrong. */
async function findFault(target: FuzzTarget, input: Uint8Array): Promise<string | null> {
  const started = systemClock.monotonicMs()
  let outcome: string | null = null
  try {
    await target.run(input.slice())
  } catch (error) {
    const isRefusal = error instanceof AppError && error.kind !== 'bug'
    outcome = isRefusal ? 'refused' : error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  const ms = systemClock.monotonicMs() - started
  return ms > CASE_MS_MAX ? `took ${Math.round(ms)} ms` : outcome
}

/** One of the seeds with some edits, all by `next`. */
export function mutate(seeds: readonly Uint8Array[], next: () => number): Uint8Array {
  const pick = (below: number) => next() % Math.max(1, below)
  let bytes = (seeds[pick(seeds.length)] ?? new Uint8Array(0)).slice()
  for (let edits = 1 + pick(EDITS_MAX); edits > 0; edits--) {
    const at = pick(bytes.length)
    const other = seeds[pick(seeds.length)] ?? bytes
    switch (pick(7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << pick(8))
        break
      case 1:
        bytes[at] = EDGES[pick(EDGES.length)] as number
        break
      case 2:
        bytes.fill(EDGES[pick(EDGES.length)] as number, at, at + pick(9))
        break
      case 3:
        bytes = bytes.slice(0, at)
        break
      case 4:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at + pick(20)))
        break
      case 5:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(pick(at + 1), at), bytes.subarray(at))
        break
      default:
        bytes = joined(bytes.subarray(0, at), other.subarray(pick(other.length)))
    }
  }
  return bytes
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts))
}

function readFolder(kind: 'corpus' | 'regressions', name: string): Uint8Array[] {
  const folder = join(import.meta.dirname, kind, name)
  if (!existsSync(folder)) return []
  return readdirSync(folder).map((file) => new Uint8Array(readFileSync(join(folder, file))))
}
