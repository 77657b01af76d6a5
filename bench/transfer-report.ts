/** What rounds of push, pull and chunk-hash say: a table, and a verdict for each target. Ratios are ours by hf_xet's. */
import type { ChunkHashResult } from './chunk-hash.ts'
import { CLIENTS, type Client, type Cost, PEER, type Round } from './transfer.ts'

const MIB = 1024 * 1024
const HELD_MS_MAX = 50

interface Target {
  readonly what: string
  readonly max: number
  value(rounds: readonly Round[]): number
}

const TARGETS: Readonly<Record<Round['verb'], readonly Target[]>> = {
  pull: [
    { what: 'client CPU to hf_xet', max: 0.6, value: ratioOf('xorbit', 'cpuSeconds') },
    { what: 'wall to hf_xet', max: 0.8, value: ratioOf('xorbit', 'wallSeconds') },
    {
      what: 'peak MiB',
      max: 120,
      value: (rounds) => Math.max(...ours(rounds).map(({ peakBytes }) => peakBytes / MIB)),
    },
  ],
  push: [
    { what: 'client CPU to hf_xet, addon', max: 0.9, value: ratioOf('xorbit', 'cpuSeconds') },
    { what: 'client CPU to hf_xet, WASM', max: 1.0, value: ratioOf('xorbit-wasm', 'cpuSeconds') },
    {
      what: 'peak MiB',
      max: 260,
      value: (rounds) => Math.max(...ours(rounds).map(({ peakBytes }) => peakBytes / MIB)),
    },
  ],
}

export function formatRounds(rounds: readonly Round[]): string {
  const lines: string[] = []
  for (const group of groupsOf(rounds)) {
    const { verb, corpus, mib } = group[0] as Round
    lines.push('', `${verb} ${corpus}, ${mib} MiB, ${group.length} rounds: median (least-most)`)
    lines.push(
      `${'client'.padEnd(12)}${['wall s', 'CPU s', 'peak MiB', 'server CPU s/GiB', 'loop p99 ms', 'worst ms'].map((name) => name.padStart(20)).join('')}`,
    )
    for (const client of CLIENTS) {
      const costs = group.map((round) => round.costs[client])
      const cells = [
        span(costs.map(({ wallSeconds }) => wallSeconds)),
        span(costs.map(({ cpuSeconds }) => cpuSeconds)),
        span(
          costs.map(({ peakBytes }) => peakBytes / MIB),
          0,
        ),
        span(costs.map(({ serverCpuSeconds }) => (serverCpuSeconds * 1024) / mib)),
        span(
          costs.map(({ heldP99Ms }) => heldP99Ms),
          1,
        ),
        Math.max(...costs.map(({ heldMaxMs }) => heldMaxMs)).toFixed(1),
      ]
      lines.push(`${client.padEnd(12)}${cells.map((cell) => cell.padStart(20)).join('')}`)
    }
    for (const target of TARGETS[verb]) {
      lines.push(verdict(`${verb} ${corpus}: ${target.what}`, target.value(group), { max: target.max }))
    }
    const held = Math.max(...group.flatMap(({ costs }) => CLIENTS.map((client) => costs[client].heldMaxMs)))
    lines.push(verdict(`${verb} ${corpus}: server's event loop held, ms`, held, { max: HELD_MS_MAX }))
  }
  return lines.join('\n')
}

export function formatChunkHash(results: readonly ChunkHashResult[]): string {
  const lines = ['', 'chunk + hash, CPU of the work alone   (ratio: rate by that of hf_xet)']
  for (const { kind, bytes, cpuSeconds, ratios } of results) {
    const rates = Object.entries(cpuSeconds).map(([name, seconds]) => {
      const ratio = ratios[name]
      const shown = ratio === undefined ? '' : ` (${ratio.toFixed(2)})`
      return `${name} ${Math.round(bytes / 1e6 / seconds)} MB/s${shown}`
    })
    lines.push(`${kind.padEnd(8)} ${String(Math.round(bytes / MIB)).padStart(5)} MiB   ${rates.join('   ')}`)
  }
  const all = results.find(({ kind }) => kind === 'all')?.ratios ?? {}
  if (all.wasm !== undefined) lines.push(verdict('chunk + hash rate to hf_xet, WASM', all.wasm, { min: 0.7 }))
  if (all.native !== undefined) lines.push(verdict('chunk + hash rate to hf_xet, addon', all.native, { min: 1 }))
  return lines.join('\n')
}

function groupsOf(rounds: readonly Round[]): Round[][] {
  const groups = new Map<string, Round[]>()
  for (const round of rounds) {
    const key = `${round.verb} ${round.corpus} ${round.mib}`
    groups.set(key, [...(groups.get(key) ?? []), round])
  }
  return [...groups.values()]
}

function verdict(what: string, value: number, bound: { readonly max: number } | { readonly min: number }): string {
  const holds = 'max' in bound ? value <= bound.max : value >= bound.min
  const asked = 'max' in bound ? `<= ${bound.max}` : `>= ${bound.min}`
  return `${holds ? 'holds' : 'FALLS SHORT'.padEnd(5)}  ${what}: ${value.toFixed(2)} (${asked})`
}

/** Median over the rounds of `client`'s by hf_xet's in the same round. */
function ratioOf(client: Client, field: keyof Cost): Target['value'] {
  return (rounds) => median(rounds.map(({ costs }) => costs[client][field] / costs[PEER][field]))
}

function ours(rounds: readonly Round[]): Cost[] {
  return rounds.flatMap(({ costs }) => [costs.xorbit, costs['xorbit-wasm']])
}

function span(values: readonly number[], digits = 2): string {
  const show = (value: number) => value.toFixed(digits)
  return `${show(median(values))} (${show(Math.min(...values))}-${show(Math.max(...values))})`
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
