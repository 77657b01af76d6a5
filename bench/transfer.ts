/**
 * Push and pull of one large file over loopback: the packed `xorbit` with the addon, `xorbit` with WebAssembly alone and
 * huggingface_hub with hf_xet, against the same server of ours, turn by turn. Measured are whole client processes (their
 * start included), what the server spent meanwhile, and how long its event loop was held. All clients keep compiled code
 * from one run to the next, and each has done a small push and pull before the first round.
 */
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/base/clock.ts'
import { send } from '../test/farm/http-send.ts'
import { cleanEnvironment, HubProcess, ROOT, runProgram } from '../test/farm/hub-process.ts'
import { installPacked } from '../test/farm/packed.ts'
import { mustEnd, sha256Of } from '../test/interop/stand.ts'
import { hub2 } from '../test/interop/venvs.ts'
import { type Corpus, writeCorpus } from './corpora.ts'
import type { HeldLine } from './held-loop.ts'

export const PEER = 'hf_xet'
export const CLIENTS = ['xorbit', 'xorbit-wasm', PEER] as const
export type Client = (typeof CLIENTS)[number]
export type Verb = 'push' | 'pull'

export interface Cost {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
  readonly serverCpuSeconds: number
  /** How long the server's event loop was held at a time. */
  readonly heldP99Ms: number
  readonly heldMaxMs: number
}

/** All clients once, each with bytes that were compared with what they should be. */
export interface Round {
  readonly verb: Verb
  readonly corpus: Corpus
  readonly mib: number
  readonly costs: Readonly<Record<Client, Cost>>
}

export interface RoundPlan {
  readonly verb: Verb
  readonly corpus: Corpus
  readonly mib: number
  /** Numbers of the rounds: whoever goes first meets colder caches, so the order turns with them. */
  readonly rounds: readonly number[]
}

const CLIENT_MS = 900_000
const TICKS_PER_SECOND = 100
const WARM_MIB = 2
/** A line about the event loop is written so long after what it tells of, at most. */
const LINE_MS = 1500

/** Runs a program and prints what it cost as the last line. */
const MEASURE = `
import json, resource, subprocess, sys, time
begun = time.monotonic()
code = subprocess.call(sys.argv[1:])
wall = time.monotonic() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}))
sys.exit(code)
`

export async function* runRounds({ verb, corpus, mib, rounds }: RoundPlan): AsyncGenerator<Round> {
  if (rounds.length === 0) return
  const bench = await Bench.open(await hub2('1.8.0'))
  try {
    for (const client of CLIENTS) {
      await bench.push(client, 'rand', WARM_MIB, `warm-${client}`)
      await bench.pull(client, `warm-${client}`)
    }
    // Every client pulls what hf_xet has packed.
    if (verb === 'pull') await bench.push(PEER, corpus, mib, 'pulled')
    for (const round of rounds) {
      const costs: Partial<Record<Client, Cost>> = {}
      for (let i = 0; i < CLIENTS.length; i++) {
        const client = CLIENTS[(round + i) % CLIENTS.length] as Client
        costs[client] =
          verb === 'push'
            ? await bench.push(client, corpus, mib, `${client}-${round}`)
            : await bench.pull(client, 'pulled')
      }
      yield { verb, corpus, mib, costs: costs as Record<Client, Cost> }
    }
  } finally {
    await bench.close()
  }
}

class Bench {
  readonly #folder: string
  readonly #hub: HubProcess
  readonly #bin: string
  readonly #sha256 = new Map<string, string>()
  #token = ''
  #count = 0

  /** The package as users run it. */
  #program = ''

  private constructor(folder: string, bin: string) {
    this.#folder = folder
    this.#bin = bin
    const env = {
      NODE_OPTIONS: `--import ${join(ROOT, 'bench', 'held-loop.ts')}`,
      HELD_LOOP_FILE: this.#heldFile,
    }
    this.#hub = new HubProcess(join(folder, 'hub'), { env })
  }

  static async open(bin: string): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), 'xorbit-bench-')), bin)
    try {
      const { folder } = await installPacked(join(bench.#folder, 'app'))
      bench.#program = join(folder, 'bin', 'xorbit.cjs')
      await bench.#hub.start()
      bench.#token = await bench.#hub.createUser('alice', 'write')
    } catch (error) {
      await bench.close()
      throw error
    }
    return bench
  }

  async close(): Promise<void> {
    await this.#hub.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** A new file to a new repository. */
  async push(client: Client, corpus: Corpus, mib: number, name: string): Promise<Cost> {
    const folder = join(this.#folder, 'in')
    await mkdir(folder)
    const sha256 = writeCorpus(join(folder, 'model.bin'), corpus, mib, name)
    this.#sha256.set(name, sha256)
    const repo = `alice/${name}`
    const cost = await this.#measure(client, client === PEER ? ['upload', repo, folder, '.'] : ['push', repo, folder])
    const reply = await send(this.#hub.url, `/api/models/${repo}/tree/main`, { token: this.#token })
    // The server computes it from the bytes that it has.
    if (!reply.body.toString().includes(sha256)) throw new Error(`${client} pushed other bytes to ${repo}`)
    await rm(folder, { recursive: true })
    return cost
  }

  async pull(client: Client, name: string): Promise<Cost> {
    const target = join(this.#folder, 'out')
    const words = [client === PEER ? 'download' : 'pull', `alice/${name}`, '--local-dir', target]
    const cost = await this.#measure(client, words)
    const actual = await sha256Of(join(target, 'model.bin'))
    if (actual !== this.#sha256.get(name)) throw new Error(`${client} pulled other bytes of ${name}`)
    await rm(target, { recursive: true })
    return cost
  }

  async #measure(client: Client, args: readonly string[]): Promise<Cost> {
    const home = join(this.#folder, `home-${this.#count++}`)
    const program = client === PEER ? [join(this.#bin, 'hf')] : [process.execPath, this.#program]
    const env = cleanEnvironment(home, {
      HF_ENDPOINT: this.#hub.url,
      HF_TOKEN: this.#token,
      XDG_CACHE_HOME: join(this.#folder, 'compiled'),
      ...(client === 'xorbit-wasm' ? { XORBIT_KERNELS: 'wasm' } : {}),
    })
    const begun = { ms: systemClock.nowMs(), cpu: serverCpuSeconds(this.#hub.pid) }
    const finished = await runProgram('python3', ['-c', MEASURE, ...program, ...args], { env, timeoutMs: CLIENT_MS })
    mustEnd(finished, `${client} ${args[0]}`)
    const last = finished.stdout.trim().split('\n').at(-1) ?? ''
    const { wall, cpu, peak } = JSON.parse(last) as { wall: number; cpu: number; peak: number }
    const serverCpu = serverCpuSeconds(this.#hub.pid) - begun.cpu
    const endedMs = systemClock.nowMs()
    await systemClock.sleep(LINE_MS)
    await rm(home, { recursive: true, force: true })
    const held = heldBetween(this.#heldFile, begun.ms, endedMs)
    return { wallSeconds: wall, cpuSeconds: cpu, peakBytes: peak, serverCpuSeconds: serverCpu, ...held }
  }

  get #heldFile(): string {
    return join(this.#folder, 'held-loop.jsonl')
  }
}

function heldBetween(file: string, fromMs: number, toMs: number): Pick<Cost, 'heldP99Ms' | 'heldMaxMs'> {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  const held = lines
    .map((line) => JSON.parse(line) as HeldLine)
    .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs + LINE_MS)
    .flatMap(({ heldMs }) => heldMs)
    .sort((a, b) => a - b)
  if (held.length === 0) throw new Error('The server did not tell how long its event loop was held')
  return { heldP99Ms: held[Math.floor(held.length * 0.99)] as number, heldMaxMs: held.at(-1) as number }
}

/** User and system time of all threads of a process so far. */
function serverCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
