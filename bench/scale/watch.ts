/** What the server's process uses while it is under load: memory every second, the event loop's delay every minute. */

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import type { HubProcess } from '../../test/farm/hub-process.ts'
import { Caller } from './caller.ts'

const TICKS_PER_SECOND = 100

export interface Sample {
  readonly seconds: number
  readonly rssBytes: number
}

/** Since the last reading. */
export interface LoopDelay {
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** What the server knows of its memory: the rest is its libraries' and the allocator's. */
  readonly heapBytes: number
  readonly outsideBytes: number
}

export class Watch {
  readonly samples: Sample[] = []
  readonly delays: LoopDelay[] = []
  readonly #hub: HubProcess
  readonly #caller = new Caller()
  readonly #begun = systemClock.monotonicMs()
  readonly #stop = new AbortController()
  readonly #cpuBefore: number
  #running: Promise<void> = Promise.resolve()

  private constructor(hub: HubProcess) {
    this.#hub = hub
    this.#cpuBefore = cpuSeconds(hub.pid)
  }

  static async start(hub: HubProcess, delayEverySeconds: number): Promise<Watch> {
    const watch = new Watch(hub)
    await watch.#readDelay()
    watch.delays.length = 0
    watch.#running = watch.#run(delayEverySeconds)
    return watch
  }

  /** Processor time of the server since the start. */
  get cpuSeconds(): number {
    return cpuSeconds(this.#hub.pid) - this.#cpuBefore
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.#readDelay()
    this.#caller.close()
  }

  async #run(delayEverySeconds: number): Promise<void> {
    for (let tick = 1; !this.#stop.signal.aborted; tick++) {
      this.samples.push({ seconds: this.#seconds(), rssBytes: this.#hub.memory().now })
      if (tick % delayEverySeconds === 0) await this.#readDelay()
      await sleep(1_000, undefined, { signal: this.#stop.signal }).catch((reason: unknown) => reason)
    }
  }

  async #readDelay(): Promise<void> {
    const { body } = await this.#caller.call(`${this.#hub.url}/metrics`, { token: this.#hub.adminToken })
    const read = (gauge: string) => {
      const line = new RegExp(`^${gauge} ([\\d.e-]+)$`, 'm').exec(body.toString())
      if (line === null) throw new Error(`/metrics does not tell ${gauge}`)
      return Number(line[1])
    }
    this.delays.push({
      seconds: this.#seconds(),
      p50Ms: read('nodejs_eventloop_lag_p50_seconds') * 1000,
      p99Ms: read('nodejs_eventloop_lag_p99_seconds') * 1000,
      heapBytes: read('nodejs_heap_size_total_bytes'),
      outsideBytes: read('nodejs_external_memory_bytes'),
    })
  }

  #seconds(): number {
    return (systemClock.monotonicMs() - this.#begun) / 1000
  }
}

/** User and system time of all threads of a process so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
