/** What is measured of an engine, whoever's it is: the same prompts, in the same order, by the wall clock. */
import { readFileSync } from 'node:fs'
import { systemClock } from '../src/base/clock.ts'

export const FIGURES = { promptTokens: 32, outputTokens: 64, prefillTokens: 256, firstTokens: 128 } as const
export const SLOT_COUNT = 8

/** Tokens a second: of the wall clock, and of processor time. */
export interface Rate {
  readonly wall: number
  readonly cpu: number
}

export interface EngineRates {
  readonly loadMs: number
  /** From a prompt of `firstTokens` to the first token of its answer. */
  readonly firstMs: number
  readonly prefill: Rate
  /** Together, of that many answers at once. */
  readonly decode: Readonly<Record<'1' | '4' | '8', Rate>>
}

/** An engine that is loaded. */
export interface Subject {
  readonly pid: number | undefined
  readonly loadMs: number
  /** Answers greedily, to the last token whatever it is. */
  run(prompt: readonly number[], outputTokens: number): Promise<void>
}

/** Tokens that no other prompt begins with: nothing comes out of a cache. */
export const tokensOf = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => 300 + (((i + seed) * 37) % 4_000))

export async function measure({ pid, loadMs, run }: Subject): Promise<EngineRates> {
  const { promptTokens, outputTokens, prefillTokens, firstTokens } = FIGURES
  let seed = 0
  const rate = async (tokenCount: number, work: () => Promise<unknown>): Promise<Rate> => {
    const [wall, cpu] = [systemClock.monotonicMs(), cpuSecondsOf(pid)]
    await work()
    const wallSeconds = (systemClock.monotonicMs() - wall) / 1000
    return { wall: tokenCount / wallSeconds, cpu: tokenCount / (cpuSecondsOf(pid) - cpu) }
  }
  const together = (count: number) =>
    rate(count * outputTokens, () =>
      Promise.all(Array.from({ length: count }, () => run(tokensOf(promptTokens, 2_000 + 50 * seed++), outputTokens))),
    )
  await run(tokensOf(promptTokens, seed++), 4)
  const started = systemClock.monotonicMs()
  await run(tokensOf(firstTokens, 500 + seed++), 1)
  const firstMs = systemClock.monotonicMs() - started
  const prefill = await rate(prefillTokens, () => run(tokensOf(prefillTokens, 1_000 + seed++), 1))
  const decode = { 1: await together(1), 4: await together(4), 8: await together(8) }
  return { loadMs, firstMs, prefill, decode }
}

function cpuSecondsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
