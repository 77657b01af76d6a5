/**
 * Push and pull of one large file over loopback: `xorbit` beside huggingface_hub with hf_xet, against the same server,
 * turn by turn. Measured are whole client processes (their start included), and what the server spent meanwhile.
 */
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, type Finished, ROOT, runProgram } from '../test/farm/hub-process.ts'
import { mustEnd, Stand, sha256Of } from '../test/interop/stand.ts'
import { hub2 } from '../test/interop/venvs.ts'

export interface TransferOptions {
  readonly mib?: number
  readonly rounds?: number
}

export interface Cost {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
  readonly serverCpuSeconds: number
}

export interface TransferResult {
  readonly verb: 'push' | 'pull'
  readonly bytes: number
  /** Medians over the rounds. */
  readonly costs: Readonly<Record<Client, Cost>>
  /** Median over the rounds of hf_xet's by ours: above 1 we are better. */
  readonly ratios: { readonly wall: number; readonly cpu: number }
}

type Client = 'xorbit' | 'hf_xet'
const CLIENTS: readonly Client[] = ['xorbit', 'hf_xet']
const CLIENT_MS = 900_000
const TICKS_PER_SECOND = 100

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

export async function benchTransfer({ mib = 1024, rounds = 3 }: TransferOptions = {}): Promise<TransferResult[]> {
  const stand = await Stand.open()
  try {
    const bench = new Bench(stand, await hub2('1.8.0'))
    const pushes: Record<Client, Cost>[] = []
    const pulls: Record<Client, Cost>[] = []
    for (let round = 0; round < rounds; round++) {
      // Whoever goes first meets colder caches: they take turns.
      const order = round % 2 === 0 ? CLIENTS : [...CLIENTS].reverse()
      const push: Partial<Record<Client, Cost>> = {}
      const pull: Partial<Record<Client, Cost>> = {}
      for (const client of order) push[client] = await bench.push(client, round, mib << 20)
      // Each pulls what the other has pushed: both files are new to its caches.
      for (const client of order)
        pull[client] = await bench.pull(client, client === 'xorbit' ? 'hf_xet' : 'xorbit', round)
      pushes.push(push as Record<Client, Cost>)
      pulls.push(pull as Record<Client, Cost>)
    }
    return [summarise('push', mib << 20, pushes), summarise('pull', mib << 20, pulls)]
  } finally {
    await stand.close()
  }
}

class Bench {
  readonly #stand: Stand
  readonly #bin: string
  readonly #sha256 = new Map<string, string>()

  constructor(stand: Stand, bin: string) {
    this.#stand = stand
    this.#bin = bin
  }

  async push(client: Client, round: number, bytes: number): Promise<Cost> {
    const folder = join(await this.#stand.scratch(), 'in')
    const path = join(folder, 'model.bin')
    await this.#stand.randomFile(path, bytes, `${client} ${round}`)
    const repo = repoOf(client, round)
    this.#sha256.set(repo, await sha256Of(path))
    const cost = await this.#measure(
      client === 'xorbit' ? ['push', repo, folder, '--json'] : ['upload', repo, folder, '.'],
      client,
    )
    await rm(folder, { recursive: true })
    return cost
  }

  async pull(client: Client, pushedBy: Client, round: number): Promise<Cost> {
    const target = join(await this.#stand.scratch(), 'out')
    const repo = repoOf(pushedBy, round)
    const verb = client === 'xorbit' ? ['pull', repo, '--json'] : ['download', repo]
    const cost = await this.#measure([...verb, '--local-dir', target], client)
    const actual = await sha256Of(join(target, 'model.bin'))
    if (actual !== this.#sha256.get(repo)) throw new Error(`${client} pulled other bytes of ${repo}`)
    await rm(target, { recursive: true })
    return cost
  }

  async #measure(args: readonly string[], client: Client): Promise<Cost> {
    const { hub, alice } = this.#stand
    const program = client === 'xorbit' ? [process.execPath, join(ROOT, 'bin', 'xorbit.cjs')] : [join(this.#bin, 'hf')]
    const env = cleanEnvironment(await this.#stand.scratch(), { HF_ENDPOINT: hub.url, HF_TOKEN: alice })
    const before = serverCpuSeconds(hub.pid)
    const finished: Finished = await runProgram('python3', ['-c', MEASURE, ...program, ...args], {
      env,
      timeoutMs: CLIENT_MS,
    })
    mustEnd(finished, `${client} ${args[0]}`)
    const { wall, cpu, peak } = JSON.parse(finished.stdout.trim().split('\n').at(-1) ?? '') as {
      wall: number
      cpu: number
      peak: number
    }
    return { wallSeconds: wall, cpuSeconds: cpu, peakBytes: peak, serverCpuSeconds: serverCpuSeconds(hub.pid) - before }
  }
}

function repoOf(client: Client, round: number): string {
  return `alice/${client.replace('_', '-')}-${round}`
}

/** User and system time of all threads of a process so far. */
function serverCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function summarise(
  verb: TransferResult['verb'],
  bytes: number,
  rounds: readonly Record<Client, Cost>[],
): TransferResult {
  const costOf = (client: Client): Cost => {
    const pick = (field: keyof Cost) => median(rounds.map((round) => round[client][field]))
    return {
      wallSeconds: pick('wallSeconds'),
      cpuSeconds: pick('cpuSeconds'),
      peakBytes: pick('peakBytes'),
      serverCpuSeconds: pick('serverCpuSeconds'),
    }
  }
  const ratio = (field: keyof Cost) => median(rounds.map((round) => round.hf_xet[field] / round.xorbit[field]))
  return {
    verb,
    bytes,
    costs: { xorbit: costOf('xorbit'), hf_xet: costOf('hf_xet') },
    ratios: { wall: ratio('wallSeconds'), cpu: ratio('cpuSeconds') },
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
