/** A client process that is watched while it runs: its time, its memory, and what it asked of the server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { systemCode } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'
import { cleanEnvironment, LAUNCHER } from '../../test/farm/hub-process.ts'
import type { Stand } from '../../test/interop/stand.ts'

const LOOK_MS = 50

export interface Measured {
  readonly seconds: number
  readonly peakBytes: number
  /** Requests that the server answered meanwhile. */
  readonly requests: number
}

/** Runs `xorbit` to its end, which must be a good one. */
export async function runMeasured(stand: Stand, home: string, args: readonly string[]): Promise<Measured> {
  const before = await requestCount(stand)
  const beginMs = systemClock.monotonicMs()
  const child = spawn(process.execPath, [LAUNCHER, ...args, '--quiet'], {
    env: cleanEnvironment(home, { HF_ENDPOINT: stand.hub.url, HF_TOKEN: stand.alice }),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  let peakBytes = 0
  const looking = setInterval(async () => {
    peakBytes = Math.max(peakBytes, await peakOf(child.pid))
  }, LOOK_MS)
  const [code] = (await once(child, 'close')) as [number | null]
  clearInterval(looking)
  const seconds = (systemClock.monotonicMs() - beginMs) / 1000
  if (code !== 0) throw new Error(`xorbit ${args[0]} ended with ${code}: ${stderr.slice(-800)}`)
  return { seconds, peakBytes, requests: (await requestCount(stand)) - before }
}

async function peakOf(pid: number | undefined): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ESRCH') return 0
    throw error
  }
}

/** All requests but those for the figures themselves. */
async function requestCount(stand: Stand): Promise<number> {
  const { body } = await stand.send('/metrics', { token: stand.hub.adminToken })
  const lines = body.toString().match(/^xorbit_http_requests_total\{.*$/gm) ?? []
  const others = lines.filter((line) => !line.includes('"/metrics"'))
  return others.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
