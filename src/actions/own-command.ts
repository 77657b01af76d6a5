/**
 * Runs this very program again, in processes of its own: a server, or a command whose events are read. The children see
 * no token, endpoint or cache of whoever started us, only what is given here.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { AppError } from '../base/app-error.ts'

const LAUNCHER = fileURLToPath(new URL('../../bin/xorbit.cjs', import.meta.url))
const READY_MS = 20_000
const STOP_MS = 10_000

export interface CommandEvent {
  readonly event: string
  readonly [field: string]: unknown
}

export interface CommandResult {
  readonly code: number
  readonly events: readonly CommandEvent[]
  readonly stderr: string
}

/** The environment of a child: ours without what steers Hub clients, plus `settings`. */
function environmentWith(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(HF_|HUGGING|XORBIT_|XDG_)/.test(name))
  return { ...Object.fromEntries(kept), ...settings }
}

/** Runs `xorbit ARGS --json` to its end. */
export async function runOwn(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [LAUNCHER, ...args, '--json'], {
    env: environmentWith(settings),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const closed = once(child, 'close')
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const [code] = (await closed) as [number | null]
  return { code: code ?? 1, events: lines.map(parseEvent), stderr }
}

function parseEvent(line: string): CommandEvent {
  try {
    return JSON.parse(line) as CommandEvent
  } catch (error) {
    throw new AppError(
      'bug',
      'COMMAND_OUTPUT_BAD',
      `A command printed what is no JSON under --json: ${line.slice(0, 80)}`,
      {
        cause: error,
      },
    )
  }
}

export class OwnServer {
  readonly url: string
  readonly token: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, { url, token }: { url: string; token: string }) {
    this.#child = child
    this.url = url
    this.token = token
  }

  /** Starts `xorbit serve` on a free port of loopback and waits until it answers. */
  static async start(home: string, user: string, settings: Readonly<Record<string, string>>): Promise<OwnServer> {
    const args = [LAUNCHER, 'serve', '--port', '0', '--home', home, '--user', user, '--json']
    const child = spawn(process.execPath, args, { env: environmentWith(settings), stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2000)
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const event = parseEvent(line)
        if (event.event !== 'ready') continue
        child.stdout.resume()
        return new OwnServer(child, event as unknown as { url: string; token: string })
      }
      throw new AppError('bug', 'SERVER_NOT_READY', `The server ended before it was ready: ${stderr}`)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await closed
    clearTimeout(timer)
  }
}
