/**
 * `npm run bench:engine -- [--quick] [--rounds N] [--json] [--peer DIR]`: tokens a second of the engine as the server uses it, in its
 * own process with scheduler, one compute thread; and of node-llama-cpp on the same weights in the same minutes, if DIR
 * is a folder where it is installed (`npm install node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1
 * --ignore-scripts --omit=optional`). Random weights of 134 million parameters in float32; best of the rounds.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { EngineProcess } from '../src/engine/engine-process.ts'
import { type MadeLlama, makeRandomLlama } from './random-llama.ts'

const PROMPT_TOKENS = 32
const OUTPUT_TOKENS = 64
const PREFILL_TOKENS = 256
const SHAPE = { layerCount: 12, hiddenSize: 768, ffnSize: 3072, headCount: 12, vocabSize: 32_000 }
const QUICK = { layerCount: 4, hiddenSize: 256, ffnSize: 1024, headCount: 4, vocabSize: 8_000 }

/** Tokens a second: of the wall clock, and of processor time. */
export interface Rate {
  readonly wall: number
  readonly cpu: number
}

export interface EngineRates {
  readonly loadMs: number
  readonly prefill: Rate
  /** Together, of that many answers at once. */
  readonly decode: Readonly<Record<'1' | '4' | '8', Rate>>
}

const tokensOf = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => 300 + (((i + seed) * 37) % 4_000))

async function measureOurs({ directory }: MadeLlama): Promise<EngineRates> {
  const started = systemClock.monotonicMs()
  const model = { contextTokens: 2048, slotCount: 8, threadCount: 1 }
  await using engine = await EngineProcess.start({ kind: 'hf-directory', path: directory, dtype: 'keep' }, { model })
  const loadMs = systemClock.monotonicMs() - started
  const run = async (seed: number, promptTokens: number, outputTokens: number) => {
    const tokens = tokensOf(promptTokens, seed)
    const request = { tokens, adapters: [], tokenCountMax: outputTokens, stopTokens: [], sampling: { temperature: 0 } }
    for await (const event of engine.generate(request)) if (event.type === 'done') return event
    throw new Error('an answer has no end')
  }
  let seed = 0
  const rate = async (tokenCount: number, work: () => Promise<unknown>): Promise<Rate> => {
    const [wall, cpu] = [systemClock.monotonicMs(), cpuSecondsOf(engine.pid)]
    await work()
    const wallSeconds = (systemClock.monotonicMs() - wall) / 1000
    return { wall: tokenCount / wallSeconds, cpu: tokenCount / (cpuSecondsOf(engine.pid) - cpu) }
  }
  await run(seed++, PROMPT_TOKENS, 4)
  const prefill = await rate(PREFILL_TOKENS, () => run(1_000 + seed++, PREFILL_TOKENS, 1))
  const together = (count: number) => {
    const runs = () =>
      Promise.all(Array.from({ length: count }, () => run(2_000 + 50 * seed++, PROMPT_TOKENS, OUTPUT_TOKENS)))
    return rate(count * OUTPUT_TOKENS, runs)
  }
  return { loadMs, prefill, decode: { 1: await together(1), 4: await together(4), 8: await together(8) } }
}

function cpuSecondsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function measurePeer({ gguf }: MadeLlama, folder: string): Promise<EngineRates> {
  const script = new URL('./engine-peer.mjs', import.meta.url).pathname
  const figures = JSON.stringify({
    gguf,
    promptTokens: PROMPT_TOKENS,
    outputTokens: OUTPUT_TOKENS,
    prefillTokens: PREFILL_TOKENS,
  })
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder, figures], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as EngineRates
}

function bestOf(runs: readonly EngineRates[]): EngineRates {
  const best = (pick: (run: EngineRates) => Rate): Rate => {
    const most = (key: 'wall' | 'cpu') => Math.max(...runs.map((run) => pick(run)[key]))
    return { wall: most('wall'), cpu: most('cpu') }
  }
  const decode = { 1: best((run) => run.decode[1]), 4: best((run) => run.decode[4]), 8: best((run) => run.decode[8]) }
  return { loadMs: Math.min(...runs.map(({ loadMs }) => loadMs)), prefill: best(({ prefill }) => prefill), decode }
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    peer: { type: 'string' },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'xorbit-bench-'))
try {
  const made = makeRandomLlama(folder, values.quick ? QUICK : SHAPE)
  const ours: EngineRates[] = []
  const peer: EngineRates[] = []
  for (let round = 0; round < (Number(values.rounds) || 2); round++) {
    ours.push(await measureOurs(made))
    if (values.peer !== undefined) peer.push(await measurePeer(made, values.peer))
  }
  const results = { xorbit: bestOf(ours), ...(peer.length === 0 ? {} : { 'node-llama-cpp': bestOf(peer) }) }
  const title = `${cpus()[0]?.model.trim()}, ${(made.parameters / 1e6).toFixed(0)} million parameters, float32, one thread`
  if (values.json) process.stdout.write(`${JSON.stringify({ event: 'bench', bench: 'engine', results })}\n`)
  else write(title, results)
} finally {
  rmSync(folder, { recursive: true })
}

function write(title: string, results: Readonly<Record<string, EngineRates>>): void {
  const show = ({ wall, cpu }: Rate) => `${wall.toFixed(0)} (${cpu.toFixed(0)})`.padStart(14)
  const lines = Object.entries(results).map(([name, { loadMs, prefill, decode }]) => {
    const cells = [prefill, decode[1], decode[4], decode[8]].map(show).join('')
    return `${name.padEnd(16)}${loadMs.toFixed(0).padStart(8)}${cells}`
  })
  const head = `${''.padEnd(16)} load ms       prefill      1 answer     4 answers     8 answers`
  process.stdout.write([title, 'tokens a second of wall clock (of processor time)', head, ...lines, ''].join('\n'))
}
