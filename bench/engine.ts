/**
 * `npm run bench:engine -- [--rounds N] [--types f32,q8_0] [--peers DIR] [--quick] [--json]`: tokens a second of the engine
 * as the server uses it, of node-llama-cpp and of llama.cpp's own server, on the same random weights of 134 million
 * parameters, one compute thread each. Rounds are interleaved and every ratio is of one round; the median decides. Ends
 * with 1 when a target is missed. The peers are installed into DIR, once.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startNative } from '../src/engine/llama/native.ts'
import { installPeers } from './engine-peers.ts'
import { type EngineRates, medianOf } from './engine-rates.ts'
import { measureLlamaServer, measureNodeLlama, measureOurs } from './engine-subjects.ts'
import { makeRandomLlama } from './random-llama.ts'

const SHAPE = { layerCount: 12, hiddenSize: 768, ffnSize: 3072, headCount: 12, vocabSize: 32_000 }
const QUICK = { layerCount: 4, hiddenSize: 256, ffnSize: 1024, headCount: 4, vocabSize: 8_000 }
const TYPES = ['f32', 'q8_0'] as const
type Type = (typeof TYPES)[number]
const OURS = 'xorbit'
const NODE_LLAMA = 'node-llama-cpp'
const LLAMA_SERVER = 'llama-server'
const Q8_0_FILE = 7

type Round = Readonly<Record<string, EngineRates>>

interface Target {
  readonly peer: string
  readonly answers: '1' | '8'
  readonly min: number
}

const TARGETS: readonly Target[] = [
  { peer: NODE_LLAMA, answers: '1', min: 0.95 },
  { peer: NODE_LLAMA, answers: '8', min: 1.5 },
  { peer: LLAMA_SERVER, answers: '1', min: 0.95 },
  { peer: LLAMA_SERVER, answers: '8', min: 0.95 },
]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    types: { type: 'string', default: TYPES.join(',') },
    peers: { type: 'string', default: join(tmpdir(), 'xorbit-engine-peers') },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const types = values.types.split(',').map((name) => {
  const type = TYPES.find((one) => one === name)
  if (type === undefined) throw new Error(`--types ${name}: there are ${TYPES.join(' and ')}`)
  return type
})
installPeers(values.peers)
const folder = mkdtempSync(join(tmpdir(), 'xorbit-bench-'))
try {
  const made = makeRandomLlama(folder, values.quick ? QUICK : SHAPE)
  const million = (made.parameters / 1e6).toFixed(0)
  if (!values.json) write(`${cpus()[0]?.model.trim()}, ${million} million parameters, one compute thread`)
  for (const type of types) await measureType(type, made)
} finally {
  rmSync(folder, { recursive: true })
}

async function measureType(type: Type, { directory, gguf }: { directory: string; gguf: string }): Promise<void> {
  const file = type === 'f32' ? gguf : await quantised(gguf)
  const subjects: readonly (readonly [string, () => Promise<EngineRates>])[] = [
    [OURS, () => measureOurs(directory, type === 'f32' ? 'keep' : type, join(folder, 'cache'))],
    [NODE_LLAMA, () => measureNodeLlama(file, values.peers)],
    [LLAMA_SERVER, () => measureLlamaServer(file, values.peers)],
  ]
  // What is made once, a quantised file of ours, is no one's load time.
  if (type !== 'f32') await measureOurs(directory, type, join(folder, 'cache'))
  const rounds: Round[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const results: Record<string, EngineRates> = {}
    // Who goes first changes: a machine that grows warm, or busy, is nobody's advantage.
    for (const [name, run] of round % 2 === 0 ? subjects : subjects.toReversed()) results[name] = await run()
    rounds.push(results)
  }
  const verdicts = TARGETS.map((target) => ({ ...target, ...verdictOf(target, rounds) }))
  if (verdicts.some(({ isMet }) => !isMet)) process.exitCode = 1
  if (values.json) write(JSON.stringify({ event: 'bench', bench: 'engine', type, rounds, verdicts }))
  else writeTable(type, rounds, verdicts)
}

/** The peers' file, with its vocabulary. */
async function quantised(gguf: string): Promise<string> {
  const native = startNative()
  const path = join(folder, 'q8_0.gguf')
  const status = await native.modelQuantize(gguf, path, { ...native.quantizeParams(), nthread: 1, ftype: Q8_0_FILE })
  if (status !== 0) throw new Error(`not quantised: ${native.takeLog()}`)
  return path
}

function verdictOf({ peer, answers, min }: Target, rounds: readonly Round[]) {
  const decode = (round: Round, name: string) => round[name]?.decode[answers].wall ?? Number.NaN
  const ratio = medianOf(rounds.map((round) => decode(round, OURS) / decode(round, peer)))
  return { ratio, isMet: ratio >= min }
}

function writeTable(
  type: Type,
  rounds: readonly Round[],
  verdicts: readonly (Target & { ratio: number; isMet: boolean })[],
) {
  const names = [OURS, NODE_LLAMA, LLAMA_SERVER]
  const cells = (name: string, picks: readonly ((rates: EngineRates) => number)[]) =>
    picks
      .map((pick) =>
        medianOf(rounds.map((round) => pick(round[name] as EngineRates)))
          .toFixed(0)
          .padStart(12),
      )
      .join('')
  write(`\n${type}: medians of ${rounds.length} rounds; tokens a second`)
  const heads = ['load ms', 'first ms', 'prefill', '1 answer', '4 answers', '8 answers']
  write(`${''.padEnd(16)}${heads.map((head) => head.padStart(12)).join('')}`)
  for (const name of names) {
    const wall = [
      (rates: EngineRates) => rates.loadMs,
      (rates: EngineRates) => rates.firstMs,
      (rates: EngineRates) => rates.prefill.wall,
      (rates: EngineRates) => rates.decode[1].wall,
      (rates: EngineRates) => rates.decode[4].wall,
      (rates: EngineRates) => rates.decode[8].wall,
    ]
    write(`${name.padEnd(16)}${cells(name, wall)}`)
  }
  for (const { peer, answers, min, ratio, isMet } of verdicts) {
    const what = `${answers} ${answers === '1' ? 'answer' : 'answers'} to ${peer}`
    write(`${isMet ? 'met   ' : 'MISSED'} ${what.padEnd(28)} ${ratio.toFixed(2)}x, at least ${min}x`)
  }
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
